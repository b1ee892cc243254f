/** What the tests of prepare share. */

import { createHash } from "node:crypto";
import type { ErrorCode, Event } from "@epsilon/model";
import { eventOfLoadLine, parseLoadLine, splitLoadLines } from "../core/load-line.ts";
import { type Prepared, type PrepareOptions, prepare } from "./prepare.ts";

export const now = 1_768_478_400_000_000n;
export const id = "0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11";

export function options(more: Partial<PrepareOptions> = {}): PrepareOptions {
  let drawn = 0;
  const random = (count: number): Uint8Array =>
    createHash("sha256").update(String(drawn++)).digest().subarray(0, count);
  return {
    nowMicros: now,
    random,
    appendOnly: false,
    named: false,
    horizonMicros: null,
    hashesIds: false,
    ...more,
  };
}

export function run(body: string | Uint8Array, more: Partial<PrepareOptions> = {}): Prepared {
  return prepare(typeof body === "string" ? Buffer.from(body) : body, options(more));
}

export function linesOf(prepared: Prepared): readonly string[] {
  return splitLoadLines(prepared.lines);
}

export function eventsOf(prepared: Prepared): readonly Event[] {
  return linesOf(prepared).map((line) => eventOfLoadLine(parseLoadLine(line)));
}

export function codesOf(prepared: Prepared): readonly (readonly [number, ErrorCode])[] {
  return prepared.rejected.map(({ index, code }) => [index, code]);
}
