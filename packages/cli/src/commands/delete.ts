/** `epsilon delete` and `epsilon drop`: taking events out. */

import { EpsilonError, parseCollectionName } from "@epsilon/model";
import { parseFilter } from "@epsilon/query";
import type { Command } from "commander";
import {
  addCollectionFlag,
  addCommonFlags,
  addFromFlag,
  type CommonFlags,
  clientOf,
  flag,
  instancesOf,
  oneUrl,
} from "../flags.ts";
import { type CommandContext, examples } from "../program-context.ts";

interface DeleteFlags extends CommonFlags {
  readonly from?: string;
  readonly collection: string;
  readonly dryRun?: boolean;
}

export function addDeleteCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("delete")
    .description("delete the events that match a filter")
    .argument("<filter>", "what stands after WHERE, such as 'user_id = 7'");
  addCommonFlags(addCollectionFlag(addFromFlag(command)))
    .addOption(flag("--dry-run", "only count them"))
    .addHelpText(
      "after",
      examples(
        "epsilon delete 'user_id = 7' --collection views --dry-run",
        "epsilon delete 'user_id = 7' --collection views",
      ),
    )
    .action((filter: string, flags: DeleteFlags) =>
      context.run(flags, () => deleteEvents(context, filter, flags)),
    );
}

async function deleteEvents(context: CommandContext, filter: string, flags: DeleteFlags): Promise<number> {
  const { env, output } = context.open(flags);
  const client = clientOf(env, oneUrl(flags.from, "--from"), flags);
  if (filter.trim() === "")
    throw new EpsilonError("usage", "the filter is empty; epsilon drop takes out a whole collection");
  parseFilter(filter);
  const isDry = flags.dryRun === true;
  const count = isDry
    ? await countMatches(client, flags.collection, filter)
    : await client.deleteWhere(flags.collection, filter);
  const isJson = flags.format === "json";
  const text = isDry ? `${count} would be deleted` : `${count} deleted`;
  await output.answer(
    isJson ? `${JSON.stringify(isDry ? { would_delete: count } : { deleted: count })}\n` : `${text}\n`,
  );
  return 0;
}

async function countMatches(
  client: ReturnType<typeof clientOf>,
  collection: string,
  filter: string,
): Promise<number> {
  const answer = await client.query(collection, `SELECT count WHERE (${filter})`);
  const count = answer.summary?.[0]?.["count"];
  return typeof count === "number" ? count : 0;
}

interface DropFlags extends CommonFlags {
  readonly from?: string;
}

export function addDropCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("drop")
    .description("forget a whole collection: events, tombstones, cursors")
    .argument("<collection>", "its name");
  addCommonFlags(addFromFlag(command))
    .addHelpText("after", examples("epsilon drop views --from http://127.0.0.1:4320"))
    .action((collection: string, flags: DropFlags) =>
      context.run(flags, async () => {
        const { env, output } = context.open(flags);
        const instances = instancesOf(flags.from, "--from", flags);
        parseCollectionName(collection);
        // What is dropped on one of them only would come back to it from the sources, and stay on the others.
        const failures: unknown[] = [];
        for (const { url } of instances)
          try {
            await clientOf(env, url, flags).drop(collection);
            if (instances.length > 1) output.say(`${collection} dropped on ${url}`);
          } catch (error) {
            if (!(error instanceof EpsilonError)) throw error;
            if (instances.length > 1)
              output.complain(`${collection} not dropped on ${url}: ${error.message}`);
            failures.push(error);
          }
        if (failures.length > 0) throw failures[0];
        await output.answer(
          flags.format === "json"
            ? `${JSON.stringify({ dropped: collection })}\n`
            : `${collection} dropped\n`,
        );
        return 0;
      }),
    );
}
