/** `epsilon push`: files, or what comes on stdin, into an instance. Run again, it adds nothing. */

import { hash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import {
  type BadRecord,
  type FileInput,
  type FileStretch,
  fileInput,
  type ImportOptions,
  type PushTotals,
  planImport,
  pushEvents,
  type RejectedEvent,
  readFileEvents,
} from "@epsilon/client";
import type { Env } from "@epsilon/env";
import { EpsilonError, parseCollectionName, type Sha256 } from "@epsilon/model";
import type { Command } from "commander";
import { clientOf, oneUrl } from "../flags.ts";
import type { Output } from "../output.ts";
import { type CommandContext, examples } from "../program-context.ts";
import { startProgress } from "../progress.ts";
import { addPushFlags, importOptionsOf, type PushFlags } from "../push-flags.ts";

const shownMax = 10;

export function addPushCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("push")
    .description("write events from files, or from stdin with -")
    .argument("<file...>", "NDJSON, JSON or CSV, also .gz; - is stdin");
  addPushFlags(command)
    .addHelpText(
      "after",
      examples(
        "epsilon push access.ndjson --collection views",
        "epsilon push bank.csv --ts Date --ts-format '%d.%m.%Y' --timezone Europe/Berlin --delimiter ';' --decimal , --encoding latin1 --key '*'",
        "journalctl -o json | epsilon push - --collection logs --ts __REALTIME_TIMESTAMP --ts-format us",
        "epsilon push data.csv --ts time --dry-run | head -3",
      ),
    )
    .action((files: string[], flags: PushFlags) => context.run(flags, () => push(context, files, flags)));
}

async function push(context: CommandContext, files: readonly string[], flags: PushFlags): Promise<number> {
  for (const [name, value] of [
    ["--follow", flags.follow],
    ["--spool", flags.spool],
  ] as const)
    if (value !== undefined)
      throw new EpsilonError("not_implemented", `${name} comes with the replicating push`);
  const { env, output } = context.open(flags);
  const options = importOptionsOf(flags);
  planImport(options);
  parseCollectionName(flags.collection);
  if (files.filter((file) => file === "-").length > 1)
    throw new EpsilonError("usage", "- is stdin, and there is one");
  const work: PushWork = { env, output, flags, options, counted: countBytes(files) };
  return flags.dryRun === true ? dryRun(work, files) : pushFiles(work, files);
}

interface PushWork {
  readonly env: Env;
  readonly output: Output;
  readonly flags: PushFlags;
  readonly options: ImportOptions;
  readonly counted: { readonly total: number | undefined; read: number };
}

async function pushFiles(work: PushWork, files: readonly string[]): Promise<number> {
  const { env, output, flags, counted } = work;
  const client = clientOf(env, oneUrl(flags.to, "--to"), flags);
  const isQuiet = flags.quiet === true;
  const progress = startProgress(counted.total, isQuiet);
  const first: (RejectedEvent & { readonly file: string; readonly fileIndex: number })[] = [];
  let sum: PushTotals = { received: 0, stored: 0, duplicates: 0, rejected: 0, conflicts: 0 };
  const interrupted = (): void => {
    progress.end();
    output.say(`${summaryOf(sum)} before it was stopped; run it again, it goes on`);
    process.exit(130);
  };
  process.once("SIGINT", interrupted);
  try {
    for (const [fileIndex, file] of files.entries()) {
      const before = sum;
      const totals = await pushEvents(env, client, readEvents(work, file), {
        collection: flags.collection,
        timeoutMs: flags.timeout,
        onRejected: (rejected) => {
          if (first.length < shownMax) first.push({ file, fileIndex, ...rejected });
        },
        onProgress: (now) => {
          sum = addTotals(before, now);
          progress.update(counted.read, summaryOf(sum));
        },
      });
      sum = addTotals(before, totals);
    }
  } catch (error) {
    progress.end();
    if (sum.received > 0) output.say(`${summaryOf(sum)} before it failed; run it again, it goes on`);
    throw error;
  } finally {
    process.off("SIGINT", interrupted);
    progress.end();
    // Those that the instance rejected come later than those that are no events at all.
    first.sort((a, b) => a.fileIndex - b.fileIndex || a.line - b.line);
    for (const rejected of first) output.complain(rejectionLine(rejected));
  }
  if (sum.rejected > first.length) output.complain(`… and ${sum.rejected - first.length} more were rejected`);
  if (sum.conflicts > 0)
    output.complain(`${sum.conflicts} conflicts: another content at the same _rev; see --rev`);
  output.say(summaryOf(sum));
  if (flags.format === "json")
    await output.answer(
      `${JSON.stringify({ ...sum, first_rejected: first.map(({ fileIndex: _, ...rejected }) => rejected) })}\n`,
    );
  return sum.rejected > 0 ? 1 : 0;
}

/** Prints what would be sent. */
async function dryRun(work: PushWork, files: readonly string[]): Promise<number> {
  const { output } = work;
  let count = 0;
  let rejected = 0;
  for (const file of files) {
    for await (const stretch of readEvents(work, file)) {
      count += stretch.events.length;
      if (stretch.events.length > 0)
        await output.answer(`${stretch.events.map(({ json }) => json).join("\n")}\n`);
      for (const bad of stretch.rejected) {
        if (rejected < shownMax) output.complain(rejectionLine({ file, ...bad }));
        rejected += 1;
      }
    }
  }
  output.say(`would push ${count} events, ${rejected} rejected`);
  return rejected > 0 ? 1 : 0;
}

function readEvents(work: PushWork, file: string): AsyncGenerator<FileStretch, void, undefined> {
  const { env, options, counted } = work;
  const input = inputOf(env, file);
  async function* count(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of input.bytes) {
      counted.read += chunk.length;
      yield chunk;
    }
  }
  return readFileEvents(env, { ...input, bytes: count() }, options, nativeSha256);
}

/** Pipes (`-`, `<(…)`, named ones) come once and are read as they come. */
function inputOf(env: Env, file: string): FileInput {
  if (file === "-" || file === "/dev/stdin")
    return { name: "stdin", bytes: process.stdin, isRereadable: false };
  if (statSync(file).isFile()) return fileInput(env, file);
  return { name: file, bytes: readPipe(file), isRereadable: false };
}

async function* readPipe(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Uint8Array;
  } catch (cause) {
    throw new EpsilonError("io_error", `${path} cannot be read: ${String(cause)}`, { cause });
  }
}

const nativeSha256: Sha256 = (bytes) => hash("sha256", bytes, "buffer");

function addTotals(a: PushTotals, b: PushTotals): PushTotals {
  return {
    received: a.received + b.received,
    stored: a.stored + b.stored,
    duplicates: a.duplicates + b.duplicates,
    rejected: a.rejected + b.rejected,
    conflicts: a.conflicts + b.conflicts,
  };
}

function summaryOf({ received, stored, duplicates, rejected }: PushTotals): string {
  return `pushed ${received} events: ${stored} stored, ${duplicates} duplicates, ${rejected} rejected`;
}

function rejectionLine({
  file,
  line,
  code,
  message,
}: (BadRecord & { readonly file: string }) | (RejectedEvent & { readonly file: string })): string {
  return `${file === "-" ? "stdin" : file}:${line}: ${message} (${code})`;
}

/** The bytes of all files together, for the bar; unknown with stdin. Throws `file_not_found` before anything is sent. */
function countBytes(files: readonly string[]): { readonly total: number | undefined; read: number } {
  let total: number | undefined = 0;
  for (const file of files) {
    if (file === "-") {
      total = undefined;
      continue;
    }
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined) throw new EpsilonError("file_not_found", `there is no file ${file}`);
    if (found.isDirectory()) throw new EpsilonError("usage", `${file} is a folder; name the files in it`);
    if (!found.isFile()) total = undefined;
    if (total !== undefined) total += found.size;
  }
  return { total, read: 0 };
}
