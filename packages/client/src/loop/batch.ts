/** What goes into one request: chunks of a source that follow each other. */

import { assert, type Cursor, formatCursor, formatGap, type Gap, must } from "@epsilon/model";
import type { WriteClaim } from "../http/answers.ts";
import type { SourceChunk } from "../sources/source.ts";

export interface Batch {
  readonly after: Cursor | null;
  /** What the source no longer has in front of it. */
  readonly gap: Gap | null;
  readonly cursor: Cursor;
  readonly chunks: readonly SourceChunk[];
  readonly events: number;
  readonly bytes: number;
}

/** Chunks, each of which follows the one before, as a batch. */
export function batchOf(chunks: readonly SourceChunk[], gap: Gap | null): Batch {
  const first = chunks[0];
  assert(first !== undefined, "a batch has chunks");
  return {
    after: first.after,
    gap,
    cursor: must(chunks.at(-1)).cursor,
    chunks,
    events: chunks.reduce((sum, { events }) => sum + events, 0),
    bytes: chunks.reduce((sum, { lines }) => sum + lines.length, 0),
  };
}

/** A batch that only records a gap: the source has nothing behind it yet. */
export function gapAlone(cursor: Cursor, gap: Gap): Batch {
  return { after: null, gap, cursor, chunks: [], events: 0, bytes: 0 };
}

export function claimOf(batch: Batch, source: string): WriteClaim {
  const cursor = formatCursor(batch.cursor);
  if (batch.gap !== null) return { source, after: "*", cursor, gap: formatGap(batch.gap) };
  return { source, after: batch.after === null ? null : formatCursor(batch.after), cursor };
}

export function bodyOf(batch: Batch): Uint8Array {
  const [only] = batch.chunks;
  if (only !== undefined && batch.chunks.length === 1) return only.lines;
  const body = new Uint8Array(batch.bytes);
  let at = 0;
  for (const { lines } of batch.chunks) {
    body.set(lines, at);
    at += lines.length;
  }
  return body;
}

/** Whether two cursors, or two beginnings, are one place. */
export function isSamePlace(a: Cursor | null, b: Cursor | null): boolean {
  if (a === null || b === null) return a === b;
  return a.stream === b.stream && a.position === b.position && a.check === b.check;
}
