/** `epsilon export`: raw events as NDJSON on stdout, ready to be pushed again. */

import { type ReadEventsRequest, Reader } from "@epsilon/client";
import { must } from "@epsilon/model";
import type { Command } from "commander";
import {
  addCollectionFlag,
  addCommonFlags,
  addFromFlag,
  type CommonFlags,
  clientOf,
  flag,
  instancesOf,
} from "../flags.ts";
import { type CommandContext, examples } from "../program-context.ts";
import { startProgress } from "../progress.ts";

interface ExportFlags extends CommonFlags {
  readonly from?: string;
  readonly collection: string;
  readonly start?: string;
  readonly end?: string;
  readonly filter?: string;
}

export function addExportCommand(program: Command, context: CommandContext): void {
  const command = program.command("export").description("write events to stdout, a line of JSON each");
  addCommonFlags(addCollectionFlag(addFromFlag(command)))
    .addOption(flag("--start <time>", "from this time on: RFC 3339, a date, or 7d (that long ago)"))
    .addOption(flag("--end <time>", "up to this time, without it"))
    .addOption(flag("--filter <filter>", "only those that match, such as 'status >= 500'"))
    .addHelpText(
      "after",
      examples(
        "epsilon export --collection views > views.ndjson",
        "epsilon export --collection views --start 2026-01-01 --end 2026-02-01 --filter 'status >= 500' | gzip > january.ndjson.gz",
      ),
    )
    .action((flags: ExportFlags) => context.run(flags, () => exportEvents(context, flags)));
}

async function exportEvents(context: CommandContext, flags: ExportFlags): Promise<number> {
  const { env, output } = context.open(flags);
  const instances = instancesOf(flags.from, "--from", flags);
  const { start, end, filter } = flags;
  // A bar would run into the lines where both go to one terminal.
  const progress = startProgress(undefined, flags.quiet === true || process.stdout.isTTY);
  let bytes = 0;
  const request = { start, end, filter };
  const chunks =
    instances.length > 1
      ? linesFrom(new Reader(env, { instances }), { ...request, collection: flags.collection })
      : clientOf(env, must(instances[0]).url, flags).events(flags.collection, request);
  for await (const chunk of chunks) {
    await output.answer(chunk);
    bytes += chunk.length;
    progress.update(bytes, `${(bytes / 1e6).toFixed(1)} MB`);
  }
  progress.end();
  return 0;
}

const linesAtOnce = 1000;

/** Events of several instances, one going on where another broke off, as stretches of NDJSON. */
async function* linesFrom(
  reader: Reader,
  request: ReadEventsRequest,
): AsyncGenerator<Uint8Array, void, undefined> {
  let lines: string[] = [];
  for await (const event of reader.events(request)) {
    lines.push(`${JSON.stringify(event)}\n`);
    if (lines.length < linesAtOnce) continue;
    yield Buffer.from(lines.join(""));
    lines = [];
  }
  if (lines.length > 0) yield Buffer.from(lines.join(""));
}
