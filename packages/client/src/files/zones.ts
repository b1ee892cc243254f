/**
 * Local times of a time zone as moments. Where the clock was put forward or back, a local time means the moment that
 * the offset in force *before* the change gives: of two moments the earlier; in the hour that is left out, as far
 * after the change as it says.
 */

import { EpsilonError } from "@epsilon/model";

/** A zone's offsets. */
export interface Zone {
  readonly name: string;
  /** Milliseconds since 1970 of a local time (given as if it were UTC). */
  toUtcMs(localMs: number): number;
}

const dayMs = 86_400_000;
const bucketMs = 900_000;
const cachedMax = 100_000;

const utc: Zone = { name: "UTC", toUtcMs: (localMs) => localMs };

/** An IANA time zone. Throws `bad_request` for an unknown one. */
export function findZone(name: string): Zone {
  if (name === "UTC") return utc;
  const offsetAt = offsetsOf(name);
  return {
    name,
    toUtcMs: (localMs) => {
      const before = offsetAt(localMs - dayMs);
      if (offsetAt(localMs - before) === before) return localMs - before;
      const after = offsetAt(localMs + dayMs);
      return offsetAt(localMs - after) === after ? localMs - after : localMs - before;
    },
  };
}

/** The zone's offset from UTC at a moment, milliseconds; remembered for quarters of an hour, where changes fall. */
function offsetsOf(name: string): (utcMs: number) => number {
  const format = formatOf(name);
  const known = new Map<number, number>();
  return (utcMs) => {
    const bucket = Math.floor(utcMs / bucketMs);
    const found = known.get(bucket);
    if (found !== undefined) return found;
    const offset = computeOffset(format, bucket * bucketMs);
    // Before 1970 zones changed at odd seconds: look at the moment itself.
    if (utcMs < 0) return computeOffset(format, Math.floor(utcMs / 1000) * 1000);
    if (known.size >= cachedMax) known.clear();
    known.set(bucket, offset);
    return offset;
  };
}

function formatOf(name: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      calendar: "gregory",
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch (cause) {
    throw new EpsilonError(
      "bad_request",
      `${JSON.stringify(name)} is no time zone; give one such as Europe/Berlin`,
      {
        cause,
      },
    );
  }
}

function computeOffset(format: Intl.DateTimeFormat, utcMs: number): number {
  const parts = new Map(format.formatToParts(utcMs).map((part) => [part.type, part.value]));
  const number = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type));
  const year = parts.get("era") === "BC" ? 1 - number("year") : number("year");
  const local = new Date(0);
  local.setUTCFullYear(year, number("month") - 1, number("day"));
  local.setUTCHours(number("hour"), number("minute"), number("second"));
  return local.getTime() - utcMs;
}
