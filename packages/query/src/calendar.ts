/**
 * Time zones and points in time: which hour, day or month an instant belongs to somewhere, and which point of a series.
 *
 * Points and days are whole numbers counted from 1970 (`pointKey`), which sort as they should and group cheaply; only
 * what leaves becomes a text or an instant again. A point shorter than a day is aligned to 1970 in UTC; days, weeks and
 * months follow the zone.
 */

import { tsMicrosMin } from "@epsilon/model";
import type { PointSize } from "./query.ts";

const secondMicros = 1_000_000n;
const dayMicros = 86_400n * secondMicros;
/** 1970-01-05, the first Monday. */
const firstMonday = 4n;

/** Whether a zone is UTC by one of its names, so that no conversion is needed. */
export function isUtc(zone: string): boolean {
  return /^(?:utc|etc\/utc|gmt|etc\/gmt|z|zulu|etc\/zulu|universal|etc\/universal|uct|etc\/uct)$/i.test(zone);
}

/** The microseconds since 1970 that a clock on the wall shows, were it in UTC. */
export function localMicros(tsMicros: bigint, zone: string): bigint {
  return tsMicros + offsetMicros(tsMicros, zone);
}

/** The first instant at which a clock on the wall shows `local` or later. */
export function instantOf(local: bigint, zone: string): bigint {
  const [before, after] = [offsetMicros(local - dayMicros, zone), offsetMicros(local + dayMicros, zone)];
  const early = local - before;
  if (offsetMicros(early, zone) === before) return early;
  const late = local - after;
  if (offsetMicros(late, zone) === after) return late;
  // The clock jumps over `local`: the jump lies between the two.
  let [low, high] = late < early ? [late, early] : [early, late];
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (localMicros(middle, zone) >= local) high = middle;
    else low = middle;
  }
  return high;
}

/** Days from 1970-01-01 to the date on the wall. */
export function localDay(tsMicros: bigint, zone: string): bigint {
  return floorDivide(localMicros(tsMicros, zone), dayMicros);
}

/** Months from 1970-01 to the month on the wall. */
export function localMonth(tsMicros: bigint, zone: string): bigint {
  const date = new Date(Number(localDay(tsMicros, zone)) * 86_400_000);
  return BigInt((date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth());
}

/** The hour on the wall, 0 to 23. */
export function localHour(tsMicros: bigint, zone: string): number {
  const local = localMicros(tsMicros, zone);
  return Number(floorDivide(local, 3600n * secondMicros) - localDay(tsMicros, zone) * 24n);
}

/** The weekday on the wall, 1 (Monday) to 7. */
export function localWeekday(tsMicros: bigint, zone: string): number {
  const days = localDay(tsMicros, zone) - firstMonday;
  return Number(days - floorDivide(days, 7n) * 7n) + 1;
}

/** `2026-01-31` for days since 1970. */
export function dayText(days: bigint): string {
  const date = new Date(Number(days) * 86_400_000);
  return `${yearText(date.getUTCFullYear())}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
}

/** `2026-01` for months since 1970. */
export function monthText(months: bigint): string {
  const years = floorDivide(months, 12n);
  return `${yearText(1970 + Number(years))}-${two(Number(months - years * 12n) + 1)}`;
}

/** A point's width and where counting begins, in microseconds, days or months; what `pointKey` counts. */
export interface PointGrid {
  readonly counts: "micros" | "days" | "months";
  readonly width: bigint;
  readonly origin: bigint;
}

/** How instants are cut into points of a size. */
export function pointGrid({ count, unit }: PointSize): PointGrid {
  const width = BigInt(count);
  switch (unit) {
    case "s":
      return { counts: "micros", width: width * secondMicros, origin: 0n };
    case "m":
      return { counts: "micros", width: width * 60n * secondMicros, origin: 0n };
    case "h":
      return { counts: "micros", width: width * 3600n * secondMicros, origin: 0n };
    case "d":
      return { counts: "days", width, origin: 0n };
    case "w":
      return { counts: "days", width: width * 7n, origin: firstMonday };
    case "mo":
      return { counts: "months", width, origin: 0n };
  }
}

/** The number of the point that an instant belongs to. */
export function pointKey(tsMicros: bigint, size: PointSize, zone: string): bigint {
  const grid = pointGrid(size);
  switch (grid.counts) {
    case "micros":
      return floorDivide(tsMicros - grid.origin, grid.width);
    case "days":
      return floorDivide(localDay(tsMicros, zone) - grid.origin, grid.width);
    case "months":
      return floorDivide(localMonth(tsMicros, zone) - grid.origin, grid.width);
  }
}

/** The first instant of a point, never before the year 0, where times end. */
export function pointStart(key: bigint, size: PointSize, zone: string): bigint {
  const grid = pointGrid(size);
  const from = key * grid.width + grid.origin;
  const start = startOf(from, grid.counts, zone);
  if (start < tsMicrosMin) return tsMicrosMin;
  return start;
}

function startOf(from: bigint, counts: PointGrid["counts"], zone: string): bigint {
  switch (counts) {
    case "micros":
      return from;
    case "days":
      return instantOf(from * dayMicros, zone);
    case "months": {
      const years = floorDivide(from, 12n);
      const date = new Date(0);
      date.setUTCFullYear(1970 + Number(years), Number(from - years * 12n), 1);
      return instantOf(BigInt(date.getTime()) * 1000n, zone);
    }
  }
}

/** A quotient rounded down, below 1970 too. */
export function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value < 0n && quotient * by !== value ? quotient - 1n : quotient;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** How far the clock on the wall is ahead of UTC. */
function offsetMicros(tsMicros: bigint, zone: string): bigint {
  if (isUtc(zone)) return 0n;
  const seconds = floorDivide(tsMicros, secondMicros);
  const part = new Map(
    formatOf(zone)
      .formatToParts(Number(seconds) * 1000)
      .map(({ type, value }) => [type, value]),
  );
  const number = (type: Intl.DateTimeFormatPartTypes): number => Number(part.get(type));
  const year = part.get("era") === "BC" ? 1 - number("year") : number("year");
  const date = new Date(0);
  date.setUTCFullYear(year, number("month") - 1, number("day"));
  const local = date.getTime() / 1000 + number("hour") * 3600 + number("minute") * 60 + number("second");
  return (BigInt(local) - seconds) * secondMicros;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    era: "short",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  formats.set(zone, format);
  return format;
}

function yearText(year: number): string {
  return String(year).padStart(4, "0");
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
