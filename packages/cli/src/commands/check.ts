/** `epsilon check`: its flags. What reads the folder is loaded only when it is asked for. */

import type { Command } from "commander";
import type { CheckFlags } from "../check-folder.ts";
import { addCommonFlags, flag } from "../flags.ts";
import { type CommandContext, examples } from "../program-context.ts";

export function addCheckCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("check")
    .description("read every byte of a data folder or a spool, and verify it");
  addCommonFlags(command)
    .addOption(flag("--data <dir>", "the data folder; its instance must not be running"))
    .addOption(flag("--spool <dir>", "a client's spool; its processes may go on"))
    .addOption(flag("--repair", "set bad parts aside (not built yet)"))
    .addHelpText("after", examples("epsilon check --data ./epsilon-data", "epsilon check --spool ./spool"))
    .action((flags: CheckFlags) =>
      context.run(flags, async () => (await import("../check-folder.ts")).checkFolder(context, flags)),
    );
}
