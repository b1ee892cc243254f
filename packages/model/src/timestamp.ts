/**
 * Times: what comes in (RFC 3339, or milliseconds since 1970) and what goes out (RFC 3339 in UTC with six decimals).
 * In between a time is a `bigint` of microseconds since 1970, from year 0000 to year 9999.
 *
 * Fixed character positions instead of a regular expression: every event that arrives passes here.
 */

import { assert, EpsilonError } from "./errors.ts";

/** 0000-01-01T00:00:00.000000Z */
export const tsMicrosMin = -62_167_219_200_000_000n;
/** 9999-12-31T23:59:59.999999Z */
export const tsMicrosMax = 253_402_300_799_999_999n;

/** A number outside of this is no count of milliseconds that anybody means: seconds, more likely, or microseconds. */
const tsNumberMsMin = 1e11;
const tsNumberMsMax = 1e14;

const howTo = "give RFC 3339 such as 2026-01-31T12:00:00Z, or milliseconds since 1970";

/**
 * Microseconds since 1970 of an RFC 3339 text (any offset, up to six decimals, more if they are zeros, `t`, `z` and a
 * space for `T`) or of a number of milliseconds (fractions are kept to the microsecond).
 * Throws `bad_timestamp`; a leap second (`:60`) is refused too.
 */
export function parseTimestamp(value: string | number): bigint {
  return typeof value === "number" ? parseMilliseconds(value) : parseRfc3339(value);
}

/** RFC 3339 in UTC, always with six decimals: `2026-01-31T12:00:00.000000Z`. */
export function formatTimestamp(tsMicros: bigint): string {
  assert(
    tsMicros >= tsMicrosMin && tsMicros <= tsMicrosMax,
    `a time outside of years 0000-9999: ${tsMicros}`,
  );
  const rest = Number(tsMicros % 1000n);
  const micros = rest < 0 ? rest + 1000 : rest;
  const ms = Number((tsMicros - BigInt(micros)) / 1000n);
  const iso = new Date(ms).toISOString();
  return `${iso.slice(0, -1)}${String(micros).padStart(3, "0")}Z`;
}

function parseMilliseconds(ms: number): bigint {
  if (!Number.isFinite(ms)) throw badTimestamp(String(ms), howTo);
  if (ms < tsNumberMsMin) throw badTimestamp(String(ms), `it is below 1e11: seconds? ${howTo}`);
  if (ms > tsNumberMsMax) throw badTimestamp(String(ms), `it is above 1e14: microseconds? ${howTo}`);
  const whole = Math.floor(ms);
  // The subtraction is exact; a product of the whole number by 1000 would not be.
  return BigInt(whole) * 1000n + BigInt(Math.round((ms - whole) * 1000));
}

function parseRfc3339(text: string): bigint {
  if (!hasDateTimeShape(text)) throw badTimestamp(JSON.stringify(text), howTo);
  const year = digitsAt(text, 0, 4);
  const month = digitsAt(text, 5, 2);
  const day = digitsAt(text, 8, 2);
  const hour = digitsAt(text, 11, 2);
  const minute = digitsAt(text, 14, 2);
  const second = digitsAt(text, 17, 2);
  if (second === 60) {
    throw badTimestamp(
      text,
      "a leap second has no place in a count of microseconds; give :59 or the next :00",
    );
  }
  const inRange = month >= 1 && month <= 12 && day >= 1 && hour <= 23 && minute <= 59 && second <= 59;
  // A NaN (no digits) fails every comparison above; the year has none of its own.
  if (Number.isNaN(year) || !inRange) throw badTimestamp(JSON.stringify(text), howTo);
  if (day > daysInMonth(year, month)) throw badTimestamp(text, "there is no such day");

  const fraction = parseFraction(text);
  const offsetMinutes = parseOffset(text, fraction.end);
  const dayMinutes = daysSince1970(year, month, day) * 1440 + hour * 60 + minute - offsetMinutes;
  const tsMicros = toMicros(dayMinutes * 60 + second, fraction.micros);
  if (tsMicros < tsMicrosMin || tsMicros > tsMicrosMax) {
    throw badTimestamp(text, "in UTC it lies outside of the years 0000 to 9999");
  }
  return tsMicros;
}

/** The separators are where they belong: `0000-00-00T00:00:00` and something after it. */
function hasDateTimeShape(text: string): boolean {
  if (text.length < 20) return false;
  const separator = text[10];
  const joined = separator === "T" || separator === "t" || separator === " ";
  return joined && text[4] === "-" && text[7] === "-" && text[13] === ":" && text[16] === ":";
}

/** The decimals after the seconds, as microseconds, and where they end. */
function parseFraction(text: string): { readonly micros: number; readonly end: number } {
  if (text[19] !== ".") return { micros: 0, end: 19 };
  let micros = 0;
  let end = 20;
  for (let digit = digitsAt(text, end, 1); !Number.isNaN(digit); digit = digitsAt(text, end, 1)) {
    if (end < 26) micros = micros * 10 + digit;
    else if (digit !== 0)
      throw badTimestamp(text, "it is finer than a microsecond; round it to six decimals");
    end += 1;
  }
  if (end === 20) throw badTimestamp(JSON.stringify(text), howTo);
  for (let place = end; place < 26; place++) micros *= 10;
  return { micros, end };
}

/** The offset from UTC in minutes, which must end the text. */
function parseOffset(text: string, start: number): number {
  const sign = text[start];
  if ((sign === "Z" || sign === "z") && text.length === start + 1) return 0;
  if ((sign === "+" || sign === "-") && text.length === start + 6 && text[start + 3] === ":") {
    const hours = digitsAt(text, start + 1, 2);
    const minutes = digitsAt(text, start + 4, 2);
    if (hours <= 23 && minutes <= 59) return (hours * 60 + minutes) * (sign === "-" ? -1 : 1);
  }
  throw badTimestamp(JSON.stringify(text), `it needs Z or an offset such as +02:00; ${howTo}`);
}

/** The number that `count` decimal digits make; NaN if one of them is none, or the text ends before. */
function digitsAt(text: string, start: number, count: number): number {
  let value = 0;
  for (let index = start; index < start + count; index++) {
    const digit = text.charCodeAt(index) - 48;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/**
 * Days from 1970-01-01 to a date of the proleptic Gregorian calendar. Years are counted from March, so that the leap
 * day is a year's last (H. Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`).
 */
function daysSince1970(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function toMicros(seconds: number, micros: number): bigint {
  const total = seconds * 1_000_000 + micros;
  // Until the year 2255 a double counts microseconds exactly, at a third of the price.
  return Number.isSafeInteger(total) ? BigInt(total) : BigInt(seconds) * 1_000_000n + BigInt(micros);
}

function badTimestamp(shown: string, why: string): EpsilonError {
  return new EpsilonError("bad_timestamp", `_ts is ${shown.slice(0, 100)}: ${why}`);
}
