/** Times in queries: each spelling, in zones with and without midnight, and what is no time. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EpsilonError, formatTimestamp, parseTimestamp, tsMicrosMax, tsMicrosMin } from "@epsilon/model";
import fc from "fast-check";
import { checkTime, checkTimezone, resolveTime } from "./time.ts";

const now = parseTimestamp("2026-03-15T12:00:00Z");

function resolved(text: string, zone = "UTC"): string {
  return formatTimestamp(resolveTime(text, now, zone));
}

test("now, ages and RFC 3339 do not depend on the zone", () => {
  for (const zone of ["UTC", "Europe/Berlin", "Asia/Kolkata"]) {
    assert.equal(resolved("now", zone), "2026-03-15T12:00:00.000000Z");
    assert.equal(resolved("7d", zone), "2026-03-08T12:00:00.000000Z");
    assert.equal(resolved("90m", zone), "2026-03-15T10:30:00.000000Z");
    assert.equal(resolved("2w", zone), "2026-03-01T12:00:00.000000Z");
    assert.equal(resolved("1ms", zone), "2026-03-15T11:59:59.999000Z");
    assert.equal(resolved("2026-01-31T12:00:00.5+02:00", zone), "2026-01-31T10:00:00.500000Z");
  }
});

test("a date is the first moment of the day in the zone", () => {
  assert.equal(resolved("2026-01-31"), "2026-01-31T00:00:00.000000Z");
  assert.equal(resolved("2026-01-31", "Europe/Berlin"), "2026-01-30T23:00:00.000000Z");
  assert.equal(resolved("2026-07-31", "Europe/Berlin"), "2026-07-30T22:00:00.000000Z");
  assert.equal(resolved("2026-01-31", "Asia/Kolkata"), "2026-01-30T18:30:00.000000Z");
  // The clocks went from 23:59:59 to 01:00.
  assert.equal(resolved("2018-11-04", "America/Sao_Paulo"), "2018-11-04T03:00:00.000000Z");
});

test("nothing is before the year 0", () => {
  assert.equal(resolveTime("0000-01-01", now, "Asia/Tokyo"), tsMicrosMin);
  assert.equal(resolveTime("9000000000000000ms", now, "UTC"), tsMicrosMin);
  assert.ok(resolveTime("9999-12-31", now, "Pacific/Pago_Pago") <= tsMicrosMax);
});

test("what is no time is refused, and so is a date in no zone", () => {
  for (const text of [
    "",
    " now",
    "NOW",
    "7",
    "1mo",
    "1y",
    "-1d",
    "1.5d",
    "1h30m",
    "2026-02-30",
    "2026-1-1",
    "2026-01-31T12:00",
    "2026-01-31T12:00:00",
    "99999999999999999d",
    "soon",
  ]) {
    assert.throws(() => resolveTime(text, now, "UTC"), { code: "bad_query", message: /no time/ }, text);
    assert.throws(() => checkTime(text), { code: "bad_query" }, text);
  }
  assert.throws(() => resolveTime("2026-01-01", now, "Mars/Olympus"), {
    code: "bad_query",
    message: /no time zone/,
  });
});

test("zones have names, and are no offsets", () => {
  for (const zone of ["UTC", "Europe/Berlin", "Etc/GMT+5"]) assert.equal(checkTimezone(zone), zone);
  for (const zone of ["", "Berlin", "+02:00", "-0200", "UTC+2", "\u0000"]) {
    assert.throws(() => checkTimezone(zone), { code: "bad_query", message: /no time zone/ }, zone);
  }
});

test("any text is a time within the years 0 to 9999, or bad_query", () => {
  const texts = fc.oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.stringMatching(/^\d{1,20}(?:ms|mo|[smhdwy])$/),
    fc.stringMatching(/^\d{4}-[01]\d-[0-3]\d$/),
  );
  fc.assert(
    fc.property(texts, fc.constantFrom("UTC", "Europe/Berlin", "Australia/Lord_Howe"), (text, zone) => {
      try {
        const micros = resolveTime(text, now, zone);
        assert.ok(micros >= tsMicrosMin && micros <= tsMicrosMax, text);
      } catch (error) {
        assert.ok(error instanceof EpsilonError && error.code === "bad_query", String(error));
      }
    }),
    { numRuns: 1500 },
  );
});
