/** `epsilon serve`: its flags. The instance itself is loaded only when it is asked for, because it is most of the code. */

import type { Command } from "commander";
import { addCommonFlags, flag } from "../flags.ts";
import { addListenFlags } from "../listen-flags.ts";
import { type CommandContext, examples } from "../program-context.ts";
import type { ServeFlags } from "../serve-instance.ts";

export function addServeCommand(program: Command, context: CommandContext): void {
  const command = program.command("serve").description("run an instance");
  addCommonFlags(command).addOption(
    flag("--data <dir>", "the data folder, made if it is new").default("./epsilon-data"),
  );
  addListenFlags(command, "127.0.0.1:4320")
    .addOption(flag("--retention <rules>", "how long to keep events: 90d, or views=90d,logs=7d, or both"))
    .addOption(flag("--confirm-clock", "the clock is right although it jumped: purge again"))
    .addOption(flag("--snapshot-to <where>", "where snapshots go (not built yet)"))
    .addOption(flag("--snapshot-every <duration>", "how often (not built yet)"))
    .addHelpText(
      "after",
      examples(
        "epsilon serve",
        "epsilon serve --data /var/lib/epsilon --listen 0.0.0.0:4320 --tokens tokens.txt --retention 90d",
        "epsilon serve --listen 127.0.0.1:0 --format json",
      ),
    )
    .action((flags: ServeFlags) =>
      context.run(flags, async () => (await import("../serve-instance.ts")).serveInstance(flags)),
    );
}
