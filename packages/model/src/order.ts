/**
 * Order, the same everywhere: in JavaScript, in the embedded store and in its memory twin. The store sorts text by
 * UTF-8 byte, JavaScript by UTF-16 unit, and they disagree above U+FFFF; so whatever is ordered in both goes through
 * here and never through `<`, `.sort()` or `localeCompare`. All of these are total orders: -1, 0 or 1.
 */

import type { EventKey, FieldValue } from "./event.ts";

export type Comparison = -1 | 0 | 1;

/** Texts by their UTF-8 bytes (which is by code point), without encoding them. */
export function compareUtf8(a: string, b: string): Comparison {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const unitA = a.charCodeAt(index);
    const unitB = b.charCodeAt(index);
    if (unitA !== unitB) return utf8Rank(unitA) < utf8Rank(unitB) ? -1 : 1;
  }
  return sign(a.length, b.length);
}

/** Keys in storage order: by time, then by id. */
export function compareKeys(a: EventKey, b: EventKey): Comparison {
  return sign(a.tsMicros, b.tsMicros) || compareUuids(a.id, b.id);
}

/** UUIDs as unsigned 128-bit numbers: the order of their lower-case texts. */
export function compareUuids(a: string, b: string): Comparison {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Numbers; -0 equals 0. NaN, which no event holds, equals itself and is above all others. */
export function compareNumbers(a: number, b: number): Comparison {
  if (Number.isNaN(a) || Number.isNaN(b)) return sign(Number(Number.isNaN(a)), Number(Number.isNaN(b)));
  return sign(a, b);
}

/** Values across types: all booleans (false first), then all numbers, then all texts. */
export function compareValues(a: FieldValue, b: FieldValue): Comparison {
  if (typeof a === "string" && typeof b === "string") return compareUtf8(a, b);
  if (typeof a === "number" && typeof b === "number") return compareNumbers(a, b);
  if (typeof a === "boolean" && typeof b === "boolean") return sign(Number(a), Number(b));
  return sign(typeRank(a), typeRank(b));
}

/** Surrogates stand for code points above all that one unit can hold, but are numbered below U+E000 to U+FFFF. */
function utf8Rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function typeRank(value: FieldValue): number {
  return typeof value === "boolean" ? 0 : typeof value === "number" ? 1 : 2;
}

function sign<T extends number | bigint>(a: T, b: T): Comparison {
  return a < b ? -1 : a > b ? 1 : 0;
}
