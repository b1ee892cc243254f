/** A group's lines as batches, one a collection; and back from lines to the frames they came in. Pure. */

import { must } from "@epsilon/model";
import { quoteString } from "@epsilon/query";
import type { EventsHeader, LoggedFrame } from "../core/frames.ts";
import type { FrameOutcome } from "../core/tables.ts";
import { type Batch, concat, type LineOutcome } from "./loader.ts";

export interface EventsFrame extends LoggedFrame {
  readonly header: EventsHeader;
}

/** What became of one collection's lines in a group. */
export interface BatchOutcome {
  readonly lines: readonly LineOutcome[];
  readonly setAside: ReadonlySet<number>;
}

const insertWidth = 500;

/** The fields of the frames, with all types seen. */
export function fieldsOf(frames: readonly EventsFrame[]): Map<string, number> {
  const fields = new Map<string, number>();
  for (const frame of frames) {
    for (const [field, mask] of frame.header.fields) fields.set(field, (fields.get(field) ?? 0) | mask);
  }
  return fields;
}

/** All lines of one collection in a group. */
export function batchOf(collection: string, frames: readonly EventsFrame[]): Batch {
  let [lines, tombstones] = [0, 0];
  let tsMin: bigint | null = null;
  let tsMax: bigint | null = null;
  for (const { header } of frames) {
    lines += header.lines;
    tombstones += header.tombstones;
    if (header.tsMin === undefined || header.tsMax === undefined) continue;
    const [low, high] = [BigInt(header.tsMin), BigInt(header.tsMax)];
    if (tsMin === null || low < tsMin) tsMin = low;
    if (tsMax === null || high > tsMax) tsMax = high;
  }
  const payloads = frames.map((frame) => frame.payload).filter((payload) => payload.length > 0);
  return {
    collection,
    payloads,
    lines,
    tombstones,
    tsMin: tsMin ?? 0n,
    tsMax: tsMax ?? 0n,
    fields: fieldsOf(frames),
  };
}

/** The batch without some of its lines. */
export function without(batch: Batch, lines: ReadonlySet<number>): Batch {
  const texts = splitLines(batch);
  const kept = texts.filter((_, line) => !lines.has(line));
  return { ...batch, payloads: [new TextEncoder().encode(kept.join(""))], lines: kept.length };
}

function splitLines(batch: Batch): readonly string[] {
  return new TextDecoder().decode(concat(batch.payloads)).match(/[^\n]*\n/g) ?? [];
}

/** The SQL that keeps lines aside. */
export function setAsideSql(batch: Batch, lines: ReadonlySet<number>, sequence: number): string {
  const texts = splitLines(batch);
  const rows = [...lines].map(
    (line) =>
      `(${quoteString(batch.collection)}, ${quoteString(must(texts[line]).trimEnd())}, 'refused by the table', ${sequence})`,
  );
  const statements: string[] = [];
  for (let at = 0; at < rows.length; at += insertWidth) {
    statements.push(`INSERT INTO epsilon.set_aside VALUES ${rows.slice(at, at + insertWidth).join(", ")};`);
  }
  return statements.join("\n");
}

/** Line numbers of a batch without some lines, as numbers of the whole batch. */
export function renumber(
  outcomes: readonly LineOutcome[],
  aside: ReadonlySet<number>,
): readonly LineOutcome[] {
  if (aside.size === 0) return outcomes;
  const missing = [...aside].sort((a, b) => a - b);
  return outcomes.map((outcome) => {
    let { line } = outcome;
    for (const gone of missing) if (gone <= line) line += 1;
    return { ...outcome, line };
  });
}

/** Deals the batches' outcomes out to the frames that the lines came in. */
export function frameOutcomes(
  byCollection: ReadonlyMap<string, readonly EventsFrame[]>,
  outcomes: ReadonlyMap<string, BatchOutcome>,
): ReadonlyMap<EventsFrame, FrameOutcome> {
  const perFrame = new Map<EventsFrame, FrameOutcome>();
  for (const [collection, frames] of byCollection) {
    const { lines, setAside } = outcomes.get(collection) ?? { lines: [], setAside: new Set<number>() };
    let [from, next] = [0, 0];
    for (const frame of frames) {
      const to = from + frame.header.lines;
      const mine: LineOutcome[] = [];
      for (let line = lines[next]; line !== undefined && line.line < to; line = lines[++next])
        mine.push(line);
      const aside = [...setAside].filter((line) => line >= from && line < to).map((line) => line - from);
      const duplicates = mine.filter((line) => line.duplicate).length;
      const base = from;
      perFrame.set(frame, {
        stored: frame.header.lines - duplicates - aside.length,
        duplicates,
        conflicts: mine
          .filter((line) => line.conflict)
          .map(({ line, kept }) => ({ line: line - base, kept })),
        setAside: aside,
      });
      from = to;
    }
  }
  return perFrame;
}

/** The integers from `from` up to `to`, without it. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
