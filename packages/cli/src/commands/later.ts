/** Commands that are described and not built yet: whoever types one is told so, not that it is unknown. */

import { EpsilonError } from "@epsilon/model";
import type { Command } from "commander";
import type { CommandContext } from "../program-context.ts";

/** What they wait for. */
export const laterCommands: Readonly<Record<string, string>> = {
  compare: "compare and repair",
  repair: "compare and repair",
  clone: "compare and repair",
  snapshot: "snapshots",
  restore: "snapshots",
};

export function addLaterCommands(program: Command, context: CommandContext): void {
  for (const [name, what] of Object.entries(laterCommands))
    program
      .command(name, { hidden: true })
      .description(`not built yet: it comes with ${what}`)
      .argument("[arguments...]")
      .allowUnknownOption()
      .helpOption(false)
      .action(() =>
        context.run({}, () =>
          Promise.reject(
            new EpsilonError("not_implemented", `epsilon ${name} is not built yet: it comes with ${what}`),
          ),
        ),
      );
}
