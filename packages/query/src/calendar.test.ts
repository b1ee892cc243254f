/** Hours, days, months and points in zones, where the clock jumps and before 1970, against dates known by heart. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTimestamp, parseTimestamp } from "@epsilon/model";
import fc from "fast-check";
import {
  dayText,
  instantOf,
  localDay,
  localHour,
  localMicros,
  localMonth,
  localWeekday,
  monthText,
  pointKey,
  pointStart,
} from "./calendar.ts";
import type { PointSize } from "./query.ts";
import { arbitraryMoment } from "./testing/arbitrary-events.ts";
import { zones } from "./testing/arbitrary-query.ts";

const berlin = "Europe/Berlin";

function startOf(time: string, size: PointSize, zone: string): string {
  return formatTimestamp(pointStart(pointKey(parseTimestamp(time), size, zone), size, zone)).slice(0, 19);
}

test("parts of a time follow the zone", () => {
  for (const [time, zone, hour, weekday, day] of [
    ["2026-01-31T23:30:00Z", "UTC", 23, 6, "2026-01-31"],
    ["2026-01-31T23:30:00Z", berlin, 0, 7, "2026-02-01"],
    ["2026-07-01T22:00:00Z", berlin, 0, 4, "2026-07-02"],
    ["1969-12-31T23:59:59.999999Z", "UTC", 23, 3, "1969-12-31"],
    ["2026-01-01T00:00:00Z", "America/New_York", 19, 3, "2025-12-31"],
  ] as const) {
    const micros = parseTimestamp(time);
    assert.equal(localHour(micros, zone), hour);
    assert.equal(localWeekday(micros, zone), weekday);
    assert.equal(dayText(localDay(micros, zone)), day);
    assert.equal(monthText(localMonth(micros, zone)), day.slice(0, 7));
  }
});

test("points begin where a person would begin them", () => {
  for (const [time, count, unit, zone, start] of [
    ["2026-01-31T12:00:29Z", 15, "s", "UTC", "2026-01-31T12:00:15"],
    ["1969-12-31T23:59:59Z", 1, "h", "UTC", "1969-12-31T23:00:00"],
    ["2026-07-15T12:00:00Z", 1, "d", berlin, "2026-07-14T22:00:00"],
    ["2026-03-29T12:00:00Z", 1, "d", berlin, "2026-03-28T23:00:00"],
    ["2026-03-30T12:00:00Z", 1, "d", berlin, "2026-03-29T22:00:00"],
    ["2026-02-01T12:00:00Z", 1, "w", "UTC", "2026-01-26T00:00:00"],
    ["1970-01-01T00:00:00Z", 1, "w", "UTC", "1969-12-29T00:00:00"],
    ["2026-08-15T12:00:00Z", 1, "mo", berlin, "2026-07-31T22:00:00"],
    ["2026-08-15T12:00:00Z", 3, "mo", "UTC", "2026-07-01T00:00:00"],
  ] as const) {
    assert.equal(startOf(time, { count, unit }, zone), start, `${count}${unit} ${zone}`);
  }
});

test("a midnight that the clock jumps over is the moment of the jump; one that comes twice is the first", () => {
  const midnight = (date: string): bigint => parseTimestamp(`${date}T00:00:00Z`);
  const shown = (date: string, zone: string): string => formatTimestamp(instantOf(midnight(date), zone));
  assert.equal(shown("2018-11-04", "America/Sao_Paulo"), "2018-11-04T03:00:00.000000Z");
  assert.equal(shown("2025-11-02", "America/Havana"), "2025-11-02T04:00:00.000000Z");
});

test("a time lies in its point, and a point begins in itself", () => {
  const size = fc.record({
    count: fc.integer({ min: 1, max: 40 }),
    unit: fc.constantFrom<PointSize["unit"]>("s", "m", "h", "d", "w", "mo"),
  });
  fc.assert(
    fc.property(arbitraryMoment, size, fc.constantFrom(...zones), (micros, point, zone) => {
      const key = pointKey(micros, point, zone);
      const start = pointStart(key, point, zone);
      assert.ok(start <= micros && micros < pointStart(key + 1n, point, zone));
      assert.equal(pointKey(start, point, zone), key);
      assert.equal(pointKey(start - 1n, point, zone), key - 1n);
    }),
    { numRuns: 500 },
  );
});

test("the first instant of a local time shows that time, or jumps over it", () => {
  fc.assert(
    fc.property(arbitraryMoment, fc.constantFrom(...zones), (local, zone) => {
      const instant = instantOf(local, zone);
      assert.ok(localMicros(instant, zone) >= local);
      assert.ok(localMicros(instant - 1n, zone) < local);
    }),
    { numRuns: 500 },
  );
});
