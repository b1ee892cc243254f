/**
 * Finding out, at open, where a log ends.
 *
 * A crash can leave half a frame, or none, behind the last sync: that is the torn tail, and it is cut off. Whatever lies
 * before an offset that was synced cannot be torn, so a bad frame there is damage, and nothing is cut.
 */

import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { FrameFile, fileName, parseFileName } from "./frame-file.ts";

/** What a log's folder holds, once it is sound. */
export interface Recovered {
  /** Logical offsets of the files' first frames, ascending. Empty for a folder without a log. */
  readonly starts: readonly number[];
  /** Logical end of the last whole frame. */
  readonly endOffset: number;
  readonly tornBytes: number;
}

/** The logical offsets in the names of a folder's files, ascending. */
export async function listStarts(env: Env, directory: string): Promise<number[]> {
  const starts: number[] = [];
  for (const name of await env.files.list(directory)) {
    const start = parseFileName(name);
    if (start !== undefined) starts.push(start);
  }
  return starts.sort((a, b) => a - b);
}

/**
 * Checks the files in `starts`, cuts a torn tail off the last one and makes it all durable: after a mere kill of the
 * process, whole frames may be there that no sync has reached.
 *
 * @throws EpsilonError `log_damaged` (details: file, offset), `data_from_newer_version`
 */
export async function recover(env: Env, directory: string, starts: readonly number[]): Promise<Recovered> {
  const last = starts.at(-1);
  if (last === undefined) return { starts, endOffset: 0, tornBytes: 0 };
  for (const [index, start] of starts.entries()) {
    const next = starts[index + 1];
    if (next !== undefined) await checkLength(env, directory, start, next);
  }
  const file = await FrameFile.open(env, directory, last);
  try {
    const { end, reason } = await soundEnd(file);
    const tornBytes = file.end - end;
    if (0 < tornBytes && end < (await greatestSynced(file, end))) throw file.damage(end, reason);
    await cut(env, file, end);
    return { starts, endOffset: end, tornBytes };
  } finally {
    await file.close();
  }
}

/** A file is synced before the next one is begun, so it reaches exactly up to it. */
async function checkLength(env: Env, directory: string, start: number, next: number): Promise<void> {
  const file = await FrameFile.open(env, directory, start);
  await file.close();
  if (file.end !== next)
    throw file.damage(
      Math.min(file.end, next),
      `it ends at offset ${file.end}, and ${fileName(next)} follows`,
    );
}

/** Where the first thing begins that is not a whole frame, and what is wrong with it. */
export async function soundEnd(file: FrameFile): Promise<{ readonly end: number; readonly reason: string }> {
  let end = file.start;
  while (end < file.end) {
    const found = await file.frameAt(end);
    if (found.kind === "bad") return { end, reason: found.reason };
    end = found.frame.end;
  }
  return { end, reason: "" };
}

/** The greatest offset that any whole frame after `at` knows to be synced; 0 if there is none. */
export async function greatestSynced(file: FrameFile, at: number): Promise<number> {
  let greatest = 0;
  for (let found = await file.frameAfter(at); found !== undefined; ) {
    greatest = Math.max(greatest, found.synced);
    const next = await file.frameAt(found.frame.end);
    found = next.kind === "frame" ? next : await file.frameAfter(found.frame.end);
  }
  return greatest;
}

async function cut(env: Env, file: FrameFile, end: number): Promise<void> {
  const handle = await env.files.open(file.path, "append");
  try {
    if (end < file.end) await handle.truncate(end - file.start);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** An `log_damaged` for an offset that the log does not hold. */
export function notHeld(directory: string, at: number, start: number, end: number): EpsilonError {
  return new EpsilonError(
    "log_damaged",
    `the log in ${directory} holds offsets ${start} to ${end}, and ${at} is asked for: ` +
      "the folder was put together from different times; restore it as a whole",
    { details: { directory, offset: at, start, end } },
  );
}
