/** Times as queries write them: RFC 3339, a date, `now`, or an age such as `7d`. */

import { EpsilonError, parseDuration, parseTimestamp, tsMicrosMin } from "@epsilon/model";
import { instantOf } from "./calendar.ts";
import type { TimeText } from "./query.ts";

const datePattern = /^\d{4}-\d{2}-\d{2}$/;
const agePattern = /^\d{1,16}(?:w|d|h|m|s|ms)$/;

/**
 * The instant that a time stands for, microseconds. A date is its midnight in the zone, or the first moment of the day
 * where a clock change skips midnight; an age is that long before `nowMicros`. Nothing is before the year 0.
 * Throws `bad_query` for what is no time, and for a date in an unknown zone.
 */
export function resolveTime(text: TimeText, nowMicros: bigint, timezone: string): bigint {
  if (text === "now") return nowMicros;
  if (agePattern.test(text)) return atLeast(nowMicros - BigInt(durationOf(text)) * 1000n, tsMicrosMin);
  if (datePattern.test(text)) {
    const midnight = instantOf(timestampOf(`${text}T00:00:00Z`, text), checkTimezone(timezone));
    return atLeast(midnight, tsMicrosMin);
  }
  return timestampOf(text, text);
}

/** The text again, if it is a time. Throws `bad_query`. */
export function checkTime(text: string): TimeText {
  resolveTime(text, 0n, "UTC");
  return text;
}

/** The name of a time zone again, if there is such a zone. Throws `bad_query`. */
export function checkTimezone(name: string): string {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    // An offset is a zone to some JavaScripts and to no DuckDB.
    if (!/^[+-]/.test(name)) return name;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
  }
  throw new EpsilonError(
    "bad_query",
    `${JSON.stringify(name.slice(0, 100))} is no time zone: give a name such as "Europe/Berlin" or "UTC"`,
  );
}

function durationOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (cause) {
    throw noTime(text, cause);
  }
}

function timestampOf(text: string, given: string): bigint {
  try {
    return parseTimestamp(text);
  } catch (cause) {
    throw noTime(given, cause);
  }
}

function noTime(text: string, cause: unknown): EpsilonError {
  return new EpsilonError(
    "bad_query",
    `${JSON.stringify(text.slice(0, 100))} is no time: give RFC 3339 (2026-01-31T12:00:00Z), a date, "now", or an age such as "7d"`,
    { cause },
  );
}

function atLeast(value: bigint, least: bigint): bigint {
  return value < least ? least : value;
}
