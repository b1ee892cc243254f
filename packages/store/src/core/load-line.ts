/** Reads a load line back (docs/formats/load-line.md): what prepare wrote and the log has verified. */

import { assert, type Event, type FieldValue } from "@epsilon/model";

/** A load line, read. `_ts` is kept as its text: it may lie beyond what a double counts. */
export interface LoadLine {
  readonly ts: string;
  readonly id: string;
  readonly rev: number;
  readonly deleted: boolean;
  /** The version's first 64 bits, in halves. */
  readonly high: number;
  readonly low: number;
  readonly fields: readonly (readonly [string, FieldValue])[];
}

/** Anything but a load line is a bug: throws. */
export function parseLoadLine(line: string): LoadLine {
  // A quote inside a text is escaped, so this finds the member and nothing else.
  const ts = /[{,]"_ts":(-?\d+)/.exec(line)?.[1];
  assert(ts !== undefined, "a load line has a _ts");
  const members = JSON.parse(line) as Record<string, FieldValue>;
  return {
    ts,
    id: String(members["_id"]),
    rev: Number(members["_rev"] ?? 0),
    deleted: members["_deleted"] === true,
    high: Number(members["_h"]),
    low: Number(members["_l"]),
    fields: Object.entries(members).filter(([name]) => !name.startsWith("_")),
  };
}

/** The event that a load line holds. */
export function eventOfLoadLine(line: LoadLine): Event {
  const { id, rev, deleted } = line;
  return { tsMicros: BigInt(line.ts), id, rev, deleted, fields: new Map(line.fields) };
}

/** The first 64 bits of its version, as 16 hex digits. */
export function hashOfLoadLine(line: LoadLine): string {
  return line.high.toString(16).padStart(8, "0") + line.low.toString(16).padStart(8, "0");
}

/** The lines of a payload, without their newlines. */
export function splitLoadLines(payload: Uint8Array): readonly string[] {
  const lines = new TextDecoder().decode(payload).split("\n");
  lines.pop();
  return lines;
}
