/** Durations as people type them: `90d`, `1h`, `500ms`. In the code they are milliseconds. */

import { assert, EpsilonError } from "./errors.ts";

/** The units, largest first. A day is 24 hours: a duration knows no calendar. */
const unitsMs = { w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

const durationPattern = /^([0-9]{1,16})(w|d|h|m|s|ms)$/;

/** Milliseconds of `90d`, `1h`, `15m`, `30s`, `500ms` or `1w`. Throws `bad_request`. */
export function parseDuration(text: string): number {
  const [, digits, unit] = durationPattern.exec(text) ?? [];
  const unitMs = unit === undefined ? Number.NaN : (new Map(Object.entries(unitsMs)).get(unit) ?? Number.NaN);
  const durationMs = Number(digits) * unitMs;
  if (Number.isSafeInteger(durationMs)) return durationMs;
  throw new EpsilonError(
    "bad_request",
    `${JSON.stringify(text.slice(0, 100))} is not a duration: an integer and one of w d h m s ms, such as 90d`,
  );
}

/** The shortest text that `parseDuration` reads as the same: 3600000 is `1h`. */
export function formatDuration(durationMs: number): string {
  assert(Number.isSafeInteger(durationMs) && durationMs >= 0, `milliseconds from 0: ${durationMs}`);
  if (durationMs === 0) return "0s";
  for (const [unit, unitMs] of Object.entries(unitsMs)) {
    if (durationMs % unitMs === 0) return `${durationMs / unitMs}${unit}`;
  }
  return `${durationMs}ms`;
}
