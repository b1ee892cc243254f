/**
 * The short way to name an event: most are flat, with plain names and values that JSON writes as they are. Whatever is not
 * plainly so goes the careful way, which refuses what an instance would refuse; see name-events.ts.
 */

import { formatTimestamp, isWellFormedText } from "@epsilon/model";

const plainName = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
const fieldsMax = 100;
const textCharsMax = 4096;
/** Other numbers may be seconds or microseconds. */
const msMin = 1e11;
const msMax = 1e14;

/** Names that were found to be plain: events of a program have the same ones again and again. */
const plainNames = new Set<string>();
const plainNamesMax = 10_000;

/**
 * The event's line, with the time it brings (a Date, milliseconds) or `nowMicros`; undefined where it is not plain. `id` is asked for
 * only if it is.
 */
export function namePlain(
  event: Readonly<Record<string, unknown>>,
  nowMicros: () => bigint,
  id: () => string,
): { readonly id: string; readonly json: string } | undefined {
  let members = "";
  let time: string | undefined;
  let count = 0;
  for (const name of Object.keys(event)) {
    const value = event[name];
    if (name === "_ts") {
      time = textOfTime(value);
      if (time === undefined) return undefined;
      continue;
    }
    count += 1;
    if (count > fieldsMax || !isPlainName(name)) return undefined;
    const text = textOf(value);
    if (text === undefined) return undefined;
    members += `,"${name}":${text}`;
  }
  const own = id();
  const ts = time ?? formatTimestamp(nowMicros());
  return { id: own, json: `{"_ts":"${ts}","_id":"${own}"${members}}` };
}

function isPlainName(name: string): boolean {
  if (plainNames.has(name)) return true;
  // Another way of writing JSON would apply to it.
  if (!plainName.test(name) || name === "toJSON") return false;
  if (plainNames.size < plainNamesMax) plainNames.add(name);
  return true;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "number") return Number.isFinite(value) ? JSON.stringify(value) : undefined;
  if (typeof value !== "string" || value.length > textCharsMax) return undefined;
  if (value.includes("\0") || !isWellFormedText(value)) return undefined;
  return JSON.stringify(value);
}

/** As RFC 3339; undefined for what is neither a Date nor milliseconds, and for a year beyond four digits. */
function textOfTime(value: unknown): string | undefined {
  const isPlain = typeof value === "number" && Number.isInteger(value) && msMin <= value && value <= msMax;
  if (!isPlain && !(value instanceof Date)) return undefined;
  const date = isPlain ? new Date(value) : (value as Date);
  if (Number.isNaN(date.getTime())) return undefined;
  const text = date.toISOString();
  return text.length === "2026-01-31T12:00:00.000Z".length ? text : undefined;
}
