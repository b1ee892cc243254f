/** `epsilon push`: files, or what comes on stdin, to one instance or several. Run again, it goes on. */

import { type FileInput, fileInput, planImport, type ReplicatorState, readFileEvents } from "@epsilon/client";
import { EpsilonError, parseCollectionName } from "@epsilon/model";
import type { Command } from "commander";
import { instancesOf } from "../flags.ts";
import { type CommandContext, examples } from "../program-context.ts";
import { startProgress } from "../progress.ts";
import { countBytes, isFile, nativeSha256, pipeInput } from "../push/inputs.ts";
import { pushFile } from "../push/push-file.ts";
import { addPushFlags, importOptionsOf, type PushFlags } from "../push/push-flags.ts";
import { followFiles } from "../push/push-follow.ts";
import { pushPipe, pushThroughSpool } from "../push/push-pipe.ts";
import type { PushWork } from "../push/push-work.ts";
import {
  addSums,
  instanceLines,
  noSums,
  progressWords,
  Rejections,
  rejectionLine,
  type Sums,
  summaryOf,
} from "../push/report.ts";

const shownMax = 10;

export function addPushCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("push")
    .description("write events from files, or from stdin with -, to all of --to")
    .argument("<file...>", "NDJSON, JSON or CSV, also .gz; - is stdin");
  addPushFlags(command)
    .addHelpText(
      "after",
      examples(
        "epsilon push access.ndjson --collection views",
        "epsilon push access.ndjson --follow --to https://a.example,https://b.example",
        "epsilon push bank.csv --ts Date --ts-format '%d.%m.%Y' --timezone Europe/Berlin --delimiter ';' --decimal , --encoding latin1 --key '*'",
        "journalctl -o json | epsilon push - --collection logs --ts __REALTIME_TIMESTAMP --ts-format us",
        "epsilon push data.csv --ts time --dry-run | head -3",
      ),
    )
    .action((files: string[], flags: PushFlags) => context.run(flags, () => push(context, files, flags)));
}

async function push(context: CommandContext, files: readonly string[], flags: PushFlags): Promise<number> {
  const { env, output } = context.open(flags);
  const options = importOptionsOf(flags);
  planImport(options);
  parseCollectionName(flags.collection);
  const total = countBytes(files);
  const stop = new AbortController();
  const instances = instancesOf(flags.to, "--to", flags);
  const work: PushWork = {
    env,
    output,
    flags,
    options,
    instances,
    rejections: new Rejections(),
    signal: stop.signal,
  };
  if (flags.dryRun === true) return dryRun(work, files);
  if (flags.follow !== true) return pushAll(work, files, total);
  if (flags.spool !== undefined || !files.every(isFile))
    throw new EpsilonError(
      "usage",
      "--follow is for files, which need no spool; a pipe is read as it comes anyway",
    );
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
  return followFiles(work, files);
}

async function pushAll(work: PushWork, files: readonly string[], total: number | undefined): Promise<number> {
  const { output, flags, rejections } = work;
  const progress = startProgress(total, flags.quiet === true);
  let sum: Sums = noSums;
  /** Of the files that are done, and of the one that is under way. */
  let now: Sums = noSums;
  const said: string[] = [];
  const interrupted = (): void => {
    progress.end();
    output.say(`${summaryOf(now)} before it was stopped; run it again, it goes on`);
    process.exit(130);
  };
  process.once("SIGINT", interrupted);
  try {
    let doneBytes = 0;
    for (const [fileIndex, file] of files.entries()) {
      const before = sum;
      const show = (states: readonly ReplicatorState[]): void => {
        now = addSums(before, underWay(states, rejections.count - before.rejected));
        const furthest = Math.max(0, ...states.map(({ cursor }) => cursor?.position ?? 0));
        const words = states.length > 1 ? `${progressWords(states)}; ` : "";
        progress.update(doneBytes + furthest, words + summaryOf(now));
      };
      if (isFile(file) && flags.spool === undefined) {
        const { sums, delivered } = await pushFile(work, { file, fileIndex }, show);
        sum = addSums(sum, sums);
        said.push(...instanceLines(delivered).map((line) => (files.length === 1 ? line : `${line} ${file}`)));
        doneBytes += countBytes([file]) ?? 0;
      } else {
        // A file that goes through a spool is read once, like a pipe.
        const input = isFile(file) ? { ...fileInput(work.env, file), isRereadable: false } : pipeInput(file);
        const pipe = { file, fileIndex, input };
        if (flags.spool === undefined && work.instances.length === 1) {
          sum = addSums(
            sum,
            await pushPipe(work, pipe, (sums) => {
              now = addSums(before, sums);
              progress.update(0, summaryOf(now));
            }),
          );
        } else sum = addSums(sum, await spooled(work, pipe, { said, show }));
      }
      now = sum;
    }
  } catch (error) {
    progress.end();
    if (now.received > 0) output.say(`${summaryOf(now)} before it failed; run it again, it goes on`);
    throw error;
  } finally {
    process.off("SIGINT", interrupted);
    progress.end();
    rejections.print(output);
  }
  if (sum.conflicts > 0)
    output.complain(`${sum.conflicts} conflicts: another content at the same _rev; see --rev`);
  output.say(sum.received === 0 ? `${summaryOf(sum)} (nothing new)` : summaryOf(sum));
  for (const line of said) output.say(line);
  if (flags.format === "json")
    await output.answer(`${JSON.stringify({ ...sum, first_rejected: rejections.first })}\n`);
  return sum.rejected > 0 ? 1 : 0;
}

async function spooled(
  work: PushWork,
  pipe: Parameters<typeof pushThroughSpool>[1],
  { said, show }: { readonly said: string[]; readonly show: (states: readonly ReplicatorState[]) => void },
): Promise<Sums> {
  const before = work.rejections.count;
  const { spooled: events, folder, states } = await pushThroughSpool(work, pipe, show);
  const rejected = work.rejections.count - before;
  const late = states.filter(({ lag, lastError }) => lag !== 0 || lastError !== null);
  for (const { url, lastError } of late)
    said.push(
      `  ${url}: not yet${lastError === null ? "" : `: ${lastError.message}`}; it waits in ${folder}`,
    );
  // Whether they were there before is counted by the instances, of the whole spool.
  return { received: events, stored: Math.max(0, events - rejected), duplicates: 0, rejected, conflicts: 0 };
}

/** What has come to the instance that is furthest. */
function underWay(states: readonly ReplicatorState[], rejected: number): Sums {
  const received = Math.max(0, ...states.map(({ deliveredEvents }) => deliveredEvents));
  return { received, stored: Math.max(0, received - rejected), duplicates: 0, rejected, conflicts: 0 };
}

/** Prints what would be sent. */
async function dryRun({ env, output, options }: PushWork, files: readonly string[]): Promise<number> {
  let count = 0;
  let rejected = 0;
  for (const file of files)
    for await (const stretch of readFileEvents(env, inputOf(env, file), options, nativeSha256)) {
      count += stretch.events.length;
      if (stretch.events.length > 0)
        await output.answer(`${stretch.events.map(({ json }) => json).join("\n")}\n`);
      for (const bad of stretch.rejected) {
        if (rejected < shownMax) output.complain(rejectionLine({ file, ...bad }));
        rejected += 1;
      }
    }
  output.say(`would push ${count} events, ${rejected} rejected`);
  return rejected > 0 ? 1 : 0;
}

function inputOf(env: PushWork["env"], file: string): FileInput {
  return isFile(file) ? fileInput(env, file) : pipeInput(file);
}
