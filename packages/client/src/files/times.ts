/** The time of an event as a file has it: RFC 3339, a local time, a count since 1970, or a pattern. */

import { EpsilonError, formatTimestamp, parseTimestamp, tsMicrosMax, tsMicrosMin } from "@epsilon/model";
import { plainSpelling } from "./cells.ts";
import { compileTimePattern, type LocalTime, localMsOf, offsetOf } from "./strptime.ts";
import type { Zone } from "./zones.ts";

/** RFC 3339 in UTC of what a file has for a time. Throws `bad_timestamp`. */
export type TimeReader = (value: string | number) => string;

const countsPerSecond: ReadonlyMap<string, number> = new Map([
  ["s", 0],
  ["ms", 3],
  ["us", 6],
  ["ns", 9],
]);

const isoPattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?\s?(Z|z|[+-]\d\d:?[0-5]\d)?$/;

/** The reader of a `--ts-format`: `iso`, `s`, `ms`, `us`, `ns`, or a pattern. Throws `bad_request`. */
export function timeReader(format: string, zone: Zone): TimeReader {
  const remembered = rememberLast;
  if (format === "iso") return remembered((value) => readIso(value, zone));
  const digits = countsPerSecond.get(format);
  if (digits !== undefined) return remembered((value) => readCount(value, digits));
  const pattern = compileTimePattern(format);
  return remembered((value) => {
    const time = pattern(String(value));
    if (time === undefined)
      throw badTime(value, `it does not have the form ${format}, or there is no such day`);
    return toText(value, time, zone);
  });
}

/** Neighbours in a file often have one time. */
function rememberLast(read: TimeReader): TimeReader {
  let last: string | number | undefined;
  let answer = "";
  return (value) => {
    if (value === last) return answer;
    answer = read(value);
    last = value;
    return answer;
  };
}

function readIso(value: string | number, zone: Zone): string {
  if (typeof value === "number") return formatTimestamp(parseTimestamp(value));
  const match = isoPattern.exec(value.trim());
  if (match === null)
    throw badTime(
      value,
      "it is not RFC 3339; name its form with --ts-format: s, ms, us, ns, or such as '%d.%m.%Y %H:%M'",
    );
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", offset] = match;
  const time = { hour: Number(hour), minute: Number(minute), second: Number(second) };
  const localMs = localMsOf(Number(year), Number(month), Number(day), time);
  if (localMs === undefined || time.hour > 23 || time.minute > 59 || time.second > 59)
    throw badTime(value, "there is no such time");
  return toText(
    value,
    {
      localMs,
      micros: Number(fraction.padEnd(6, "0").slice(0, 6)),
      offsetMinutes: offset === undefined ? undefined : offsetOf(offset),
    },
    zone,
  );
}

/** A count of units of 10^-digits seconds since 1970, exactly; what is finer than a microsecond is cut off. */
function readCount(value: string | number, digits: number): string {
  const text = typeof value === "number" ? plainSpelling(String(value)) : value.trim();
  const [, sign, whole, fraction = ""] = /^(-?)([0-9]{1,22})(?:\.([0-9]+))?$/.exec(text) ?? [];
  if (whole === undefined) throw badTime(value, "it is not a number of units since 1970");
  const shift = 6 - digits;
  const all =
    shift >= 0
      ? BigInt(whole + fraction.padEnd(shift, "0").slice(0, shift))
      : BigInt(whole) / 10n ** BigInt(-shift);
  return inRange(value, sign === "-" ? -all : all);
}

function toText(value: string | number, time: LocalTime, zone: Zone): string {
  const utcMs =
    time.offsetMinutes === undefined
      ? zone.toUtcMs(time.localMs)
      : time.localMs - time.offsetMinutes * 60_000;
  return inRange(value, BigInt(utcMs) * 1000n + BigInt(time.micros));
}

function inRange(value: string | number, tsMicros: bigint): string {
  if (tsMicros < tsMicrosMin || tsMicros > tsMicrosMax)
    throw badTime(value, "it lies outside of the years 0000 to 9999; is --ts-format right?");
  return formatTimestamp(tsMicros);
}

function badTime(value: string | number, why: string): EpsilonError {
  return new EpsilonError("bad_timestamp", `the time is ${JSON.stringify(value).slice(0, 100)}: ${why}`);
}
