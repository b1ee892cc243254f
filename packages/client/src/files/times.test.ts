/** Times as files have them: counts, patterns, zones. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTimestamp, tsMicrosMax } from "@epsilon/model";
import fc from "fast-check";
import { compileTimePattern, timeDirectives } from "./strptime.ts";
import { timeReader } from "./times.ts";
import { findZone } from "./zones.ts";

function read(format: string, value: string | number, zone = "UTC"): string {
  return timeReader(format, findZone(zone))(value);
}

test("patterns of all kinds", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["%d.%m.%Y %H:%M", "31.01.2026 12:30", "2026-01-31T12:30:00.000000Z"],
    ["%d.%m.%Y %H:%M", "1.1.2026 7:05", "2026-01-01T07:05:00.000000Z"],
    ["%Y-%m-%d", "2024-02-29", "2024-02-29T00:00:00.000000Z"],
    ["%m/%d/%y %I:%M %p", "03/09/99 12:15 AM", "1999-03-09T00:15:00.000000Z"],
    ["%m/%d/%y %I:%M %p", "03/09/68 12:15 pm", "2068-03-09T12:15:00.000000Z"],
    ["%d/%b/%Y:%H:%M:%S %z", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36.000000Z"],
    ["%A, %B %d, %Y", "Saturday, January 31, 2026", "2026-01-31T00:00:00.000000Z"],
    ["%a %b %e %T %Y", "Sat Jan  3 01:02:03 2026", "2026-01-03T01:02:03.000000Z"],
    ["%Y%m%dT%H%M%S.%f%z", "20260131T120000.123456789+02:00", "2026-01-31T10:00:00.123456Z"],
    ["%Y-%j", "2024-366", "2024-12-31T00:00:00.000000Z"],
    ["%F %T %Z", "2026-01-31 12:00:00 UTC", "2026-01-31T12:00:00.000000Z"],
    ["%s", "1769860800", "2026-01-31T12:00:00.000000Z"],
    ["100%% %Y", "100% 2026", "2026-01-01T00:00:00.000000Z"],
    ["[%Y]", "[2026]", "2026-01-01T00:00:00.000000Z"],
  ];
  for (const [format, text, expected] of cases)
    assert.equal(read(format, text), expected, `${format} ${text}`);
});

test("what does not have the form, or is no day, is bad_timestamp", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["%Y-%m-%d", "2023-02-29"],
    ["%Y-%m-%d", "2026-13-01"],
    ["%Y-%m-%d", "2026-01-01x"],
    ["%Y-%m-%d", ""],
    ["%H:%M %Y", "24:00 2026"],
    ["%Y-%j", "2023-366"],
    ["%Y %b", "2026 Foo"],
    ["iso", "31.01.2026"],
    ["iso", "2026-01-31T24:00:00Z"],
    ["s", "yesterday"],
    ["s", "999999999999999"],
  ];
  for (const [format, text] of cases)
    assert.throws(() => read(format, text), { code: "bad_timestamp" }, `${format} ${text}`);
});

test("patterns that cannot be are refused, and say what there is", () => {
  for (const format of ["%Q", "%d.%m.", "%Y %Y", "%I:%M %Y", "%", "hello"])
    assert.throws(() => compileTimePattern(format), { code: "bad_request", message: /%Y/ }, format);
  assert.ok(timeDirectives.includes("%j"));
});

test("counts since 1970 are exact", () => {
  assert.equal(read("s", "1769860800.123456789"), "2026-01-31T12:00:00.123456Z");
  assert.equal(read("s", 1769860800.5), "2026-01-31T12:00:00.500000Z");
  assert.equal(read("ms", "1769860800123"), "2026-01-31T12:00:00.123000Z");
  assert.equal(read("us", "1769860800123456"), "2026-01-31T12:00:00.123456Z");
  assert.equal(read("ns", "1769860800123456789"), "2026-01-31T12:00:00.123456Z");
  assert.equal(read("s", "-1"), "1969-12-31T23:59:59.000000Z");
  assert.equal(read("iso", 1769860800123), "2026-01-31T12:00:00.123000Z");
});

test("any microsecond comes back from its count and from its text", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: tsMicrosMax }), (micros) => {
      const text = formatTimestamp(micros);
      assert.equal(read("us", String(micros)), text);
      assert.equal(read("iso", text), text);
      assert.equal(read("%Y-%m-%dT%H:%M:%S.%fZ", text), text);
    }),
  );
});

test("local times follow their zone; where the clock jumps, the offset before the jump counts", () => {
  const berlin = (text: string) => read("%Y-%m-%d %H:%M", text, "Europe/Berlin");
  assert.equal(berlin("2026-01-31 12:00"), "2026-01-31T11:00:00.000000Z");
  assert.equal(berlin("2026-07-31 12:00"), "2026-07-31T10:00:00.000000Z");
  // 29 March 2026: 02:00 to 03:00 does not exist.
  assert.equal(berlin("2026-03-29 01:59"), "2026-03-29T00:59:00.000000Z");
  assert.equal(berlin("2026-03-29 02:30"), "2026-03-29T01:30:00.000000Z");
  assert.equal(berlin("2026-03-29 03:00"), "2026-03-29T01:00:00.000000Z");
  // 25 October 2026: 02:00 to 03:00 exists twice; the first is meant.
  assert.equal(berlin("2026-10-25 02:30"), "2026-10-25T00:30:00.000000Z");
  assert.equal(berlin("2026-10-25 03:00"), "2026-10-25T02:00:00.000000Z");
  assert.equal(read("iso", "2026-01-31", "America/New_York"), "2026-01-31T05:00:00.000000Z");
  assert.equal(read("iso", "2026-01-31T00:00:00+01:00", "America/New_York"), "2026-01-30T23:00:00.000000Z");
  assert.throws(() => findZone("Mars/Olympus"), { code: "bad_request" });
});

test("a zone takes every moment's local time back to a moment with that local time", () => {
  const zones = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"];
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.integer({ min: 0, max: 2_000_000_000 }).map((seconds) => seconds * 1000),
      (name, utcMs) => {
        const localOf = (ms: number) =>
          Date.parse(
            `${new Intl.DateTimeFormat("sv-SE", { timeZone: name, dateStyle: "short", timeStyle: "medium" }).format(ms).replace(" ", "T")}Z`,
          );
        const back = findZone(name).toUtcMs(localOf(utcMs));
        assert.equal(localOf(back), localOf(utcMs));
        assert.ok(back <= utcMs, "of two moments the earlier");
      },
    ),
    { numRuns: 200 },
  );
});
