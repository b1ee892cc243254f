/** Which event an instance's rejection is about: what a dead-letter file needs to know of it. */

import type { Cursor } from "@epsilon/model";
import type { Rejection } from "../http/answers.ts";
import type { SourceChunk } from "../sources/source.ts";

export interface RejectedBySource {
  /** The instance's address. */
  readonly instance: string;
  readonly source: string;
  readonly collection: string;
  /** The cursor behind the chunk that the event is in. */
  readonly cursor: Cursor;
  /** The event as it was sent, without its newline. */
  readonly line: Uint8Array;
  /** On which line of its file the event stands, from 1, where it comes from one. */
  readonly lineNumber?: number | undefined;
  readonly code: string;
  readonly message: string;
}

const newline = 10;

/** The chunk and the line of each rejection. Chunks hold `events` lines each; rejections count events over all of them. */
export function findRejected(
  chunks: readonly SourceChunk[],
  rejections: readonly Rejection[],
): readonly {
  readonly rejection: Rejection;
  readonly cursor: Cursor;
  readonly line: Uint8Array;
  readonly lineNumber: number | undefined;
}[] {
  if (rejections.length === 0) return [];
  const wanted = new Map(rejections.map((rejection) => [rejection.index, rejection]));
  const found = [];
  let index = 0;
  for (const { lines, cursor, lineNumbers } of chunks) {
    const first = index;
    for (const line of linesOf(lines)) {
      const rejection = wanted.get(index);
      const lineNumber = lineNumbers?.[index - first];
      index += 1;
      if (rejection === undefined) continue;
      wanted.delete(rejection.index);
      found.push({ rejection, cursor, line, lineNumber });
    }
  }
  // An instance that counts otherwise is not believed about the place, but what it says is kept.
  const last = chunks.at(-1);
  if (last !== undefined)
    for (const rejection of wanted.values())
      found.push({
        rejection,
        cursor: last.cursor,
        line: new Uint8Array(0),
        lineNumber: undefined,
      });
  return found;
}

/** The lines of NDJSON without their newlines; blank ones are no events. */
export function* linesOf(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
  let start = 0;
  while (start < bytes.length) {
    const found = bytes.indexOf(newline, start);
    const end = found === -1 ? bytes.length : found;
    if (start < end) yield bytes.subarray(start, end);
    start = end + 1;
  }
}
