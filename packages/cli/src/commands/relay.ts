/** `epsilon relay`: its flags. The relay itself is loaded only when it is asked for. */

import type { Command } from "commander";
import { addCommonFlags, defaultUrl, flag } from "../flags.ts";
import { addListenFlags } from "../listen-flags.ts";
import { type CommandContext, examples } from "../program-context.ts";
import type { RelayFlags } from "../run-relay.ts";

export function addRelayCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("relay")
    .description("take events for several instances, keep them on this disk, and send them on");
  addCommonFlags(command)
    .addOption(
      flag("--to <urls>", `the instances to write to, all of them (default: EPSILON_URL, or ${defaultUrl})`),
    )
    .addOption(
      flag("--spool <dir>", "where events wait for the instances, made if it is new").default(
        "./epsilon-spool",
      ),
    )
    .addOption(flag("--source <prefix>", "what its sources' names begin with (default: this machine's name)"))
    .addOption(
      flag(
        "--keep <until>",
        "how long the spool keeps an event: until all instances have it, or have it in a snapshot",
      )
        .choices(["acknowledged", "snapshotted"])
        .default("acknowledged"),
    )
    .addOption(flag("--spool-limit <size>", "beyond it, writers wait and then are refused").default("10GB"));
  addListenFlags(command, "127.0.0.1:4330")
    .addHelpText(
      "after",
      examples(
        "epsilon relay --to https://a.example,https://b.example,https://c.example",
        "curl -d '{\"path\":\"/\"}' 'http://127.0.0.1:4330/v1/collections/views/events?ack=majority'",
      ),
    )
    .action((flags: RelayFlags) =>
      context.run(flags, async () => (await import("../run-relay.ts")).runRelay(flags)),
    );
}
