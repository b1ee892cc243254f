/** `epsilon tail`: new events as they come, a line of JSON each. */

import type { Command } from "commander";
import {
  addCollectionFlag,
  addCommonFlags,
  addFromFlag,
  type CommonFlags,
  clientOf,
  oneUrl,
} from "../flags.ts";
import { type CommandContext, examples } from "../program-context.ts";

interface TailFlags extends CommonFlags {
  readonly from?: string;
  readonly collection: string;
}

export function addTailCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("tail")
    .description("show new events as they come, until Ctrl-C")
    .argument("[filter]", "only those that match, such as 'status >= 500'");
  addCommonFlags(addCollectionFlag(addFromFlag(command)))
    .addHelpText(
      "after",
      examples(
        "epsilon tail --collection views",
        "epsilon tail 'status >= 500' --collection views | jq .path",
      ),
    )
    .action((filter: string | undefined, flags: TailFlags) =>
      context.run(flags, async () => {
        const { env, output } = context.open(flags);
        const client = clientOf(env, oneUrl(flags.from, "--from"), flags);
        for await (const { json } of client.tail(flags.collection, { filter }))
          await output.answer(`${json}\n`);
        return 0;
      }),
    );
}
