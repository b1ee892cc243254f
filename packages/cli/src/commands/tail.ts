/** `epsilon tail`: new events as they come, a line of JSON each. */

import { Reader } from "@epsilon/client";
import { must } from "@epsilon/model";
import type { Command } from "commander";
import {
  addCollectionFlag,
  addCommonFlags,
  addFromFlag,
  type CommonFlags,
  clientOf,
  instancesOf,
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
        const instances = instancesOf(flags.from, "--from", flags);
        const { collection } = flags;
        if (instances.length > 1) {
          for await (const event of new Reader(env, { instances }).tail({ collection, filter }))
            await output.answer(`${JSON.stringify(event)}\n`);
          return 0;
        }
        const client = clientOf(env, must(instances[0]).url, flags);
        for await (const { json } of client.tail(collection, { filter })) await output.answer(`${json}\n`);
        return 0;
      }),
    );
}
