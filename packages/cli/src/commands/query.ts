/** `epsilon query`: a question in one line, answered as a table. */

import { type QueryAnswer, Reader } from "@epsilon/client";
import { EpsilonError, parseDuration } from "@epsilon/model";
import { parseQuery } from "@epsilon/query";
import type { Command } from "commander";
import {
  addCollectionFlag,
  addCommonFlags,
  addFromFlag,
  type CommonFlags,
  flag,
  instancesOf,
} from "../flags.ts";
import { type CommandContext, examples } from "../program-context.ts";
import { formatCsv, formatNdjson, formatTable, type Row } from "../tables.ts";

interface QueryFlags extends CommonFlags {
  readonly from?: string;
  readonly collection: string;
  readonly timeout?: string;
}

export function addQueryCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("query")
    .description("ask a question")
    .argument("[query]", "SELECT … WHERE … GROUP BY …, or a query object as JSON", "");
  addCommonFlags(addCollectionFlag(addFromFlag(command)), { formats: ["table", "json", "csv", "ndjson"] })
    .addOption(flag("--timeout <duration>", "how long the query may take, such as 2m"))
    .addHelpText(
      "after",
      examples(
        "epsilon query 'SELECT count, p95(duration_ms) GROUP BY path LIMIT 10 SINCE 7d' --collection views",
        "epsilon query 'WHERE status >= 500 LIMIT 10 FROM views' --format ndjson",
        "epsilon query 'SELECT sum(bytes) GROUP BY host POINT SIZE 1d' --format csv > bytes.csv",
      ),
    )
    .action((text: string, given: QueryFlags) =>
      context.run(given, () => {
        const isExplicit = command.getOptionValueSource("collection") === "cli";
        return query(context, text, {
          ...given,
          collection: collectionOf(text, given.collection, isExplicit),
        });
      }),
    );
}

/** The collection that is asked: what `FROM` says, unless `--collection` was given. Throws `usage` if they differ. */
function collectionOf(text: string, collection: string, isExplicit: boolean): string {
  const from = fromOf(text);
  if (from === undefined || from === collection) return collection;
  if (!isExplicit) return from;
  throw new EpsilonError("usage", `FROM says ${from} and --collection ${collection}; give one`);
}

function fromOf(text: string): string | undefined {
  if (text.trimStart().startsWith("{")) return undefined;
  try {
    return parseQuery(text).collection;
  } catch (error) {
    // The instance says what is wrong with it, if it is: it may understand more.
    if (error instanceof EpsilonError) return undefined;
    throw error;
  }
}

async function query(context: CommandContext, text: string, flags: QueryFlags): Promise<number> {
  const { env, output } = context.open(flags);
  const instances = instancesOf(flags.from, "--from", flags);
  const reader = new Reader(env, { instances });
  const question = text.trimStart().startsWith("{") ? parseObject(text) : text;
  const { timeout, collection } = flags;
  const answer = await reader.query(question, {
    collection,
    // A question that is asked once has the time to ask first who misses least.
    freshness: instances.length > 1 ? "best" : "any",
    ...timeLimitsOf(timeout),
  });
  await output.answer(formatAnswer(answer, flags.format ?? "table"));
  for (const { code, message } of answer.meta.notes) output.say(`note: ${message} (${code})`);
  for (const { source, at } of answer.read.behind)
    output.say(`note: ${at} is known to be further in ${source} than ${answer.read.url}, which answered`);
  return 0;
}

/** The instance's own limit, and somewhat more for its answer to arrive. */
function timeLimitsOf(timeout: string | undefined): {
  readonly timeout?: string;
  readonly timeoutMs?: number;
} {
  if (timeout === undefined) return {};
  return { timeout, timeoutMs: parseDuration(timeout) + 10_000 };
}

function parseObject(text: string): object {
  try {
    return JSON.parse(text) as object;
  } catch (cause) {
    throw new EpsilonError("bad_json", `the query begins as an object and is not JSON: ${String(cause)}`, {
      cause,
    });
  }
}

/** An answer's text. Lines and CSV have its finest part: the series, else the summary, else the events. */
export function formatAnswer(answer: QueryAnswer, format: string): string {
  if (format === "json") return `${JSON.stringify(answer)}\n`;
  const { summary, series, events } = answer;
  if (format === "table") {
    const parts: readonly Row[][] = [[...(summary ?? [])], [...(series ?? [])], [...(events ?? [])]];
    const tables = parts.filter((rows) => rows.length > 0).map(formatTable);
    return tables.length === 0 ? "no events\n" : tables.join("\n");
  }
  const rows = series ?? summary ?? events ?? [];
  return format === "csv" ? formatCsv(rows) : formatNdjson(rows);
}
