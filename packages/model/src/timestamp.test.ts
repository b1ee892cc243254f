/** Times: every spelling that is allowed, every one that is not, and both ends of the range. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { anyTsMicros } from "./arbitraries.ts";
import { formatTimestamp, parseTimestamp, tsMicrosMax, tsMicrosMin } from "./timestamp.ts";

test("every spelling of one moment parses to the same microseconds", () => {
  const spellings = [
    "2026-01-31T12:00:00.5Z",
    "2026-01-31t12:00:00.5z",
    "2026-01-31 12:00:00.500000Z",
    "2026-01-31T12:00:00.50000000000Z",
    "2026-01-31T14:00:00.5+02:00",
    "2026-01-31T06:30:00.5-05:30",
    "2026-02-01T11:59:00.5+23:59",
    "2026-01-31T12:00:00.5-00:00",
    1_769_860_800_500,
  ];
  for (const spelling of spellings) {
    assert.equal(parseTimestamp(spelling), 1_769_860_800_500_000n, String(spelling));
  }
});

test("a fraction of a millisecond is kept to the microsecond", () => {
  assert.equal(parseTimestamp(1_769_860_800_123.456), 1_769_860_800_123_456n);
  assert.equal(parseTimestamp(1_769_860_800_000.9998), 1_769_860_800_001_000n);
});

test("milliseconds outside of 1e11 to 1e14 are refused with a hint, the bounds are taken", () => {
  assert.equal(parseTimestamp(1e11), 100_000_000_000_000n);
  assert.equal(parseTimestamp(1e14), 100_000_000_000_000_000n);
  for (const value of [1e11 - 0.001, 1_769_860_800, 0, -0, -1e12]) {
    assert.throws(
      () => parseTimestamp(value),
      { code: "bad_timestamp", message: /seconds\?/ },
      String(value),
    );
  }
  for (const value of [1e14 + 1, 1_769_860_800_000_000, Number.MAX_VALUE]) {
    assert.throws(() => parseTimestamp(value), { code: "bad_timestamp", message: /microseconds\?/ });
  }
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    assert.throws(() => parseTimestamp(value), { code: "bad_timestamp" });
  }
});

test("what is not RFC 3339 is refused", () => {
  const refused = [
    "",
    "now",
    "2026-01-31",
    "2026-01-31T12:00Z",
    "2026-01-31T12:00:00",
    "2026-01-31T12:00:00 Z",
    "2026-01-31T12:00:00.Z",
    "2026-01-31T12:00:00,5Z",
    "2026-01-31T12:00:00ZZ",
    "2026-01-31T12:00:00+0200",
    "2026-01-31T12:00:00+02",
    "2026-01-31T12:00:00+24:00",
    "2026-01-31T12:00:00+02:60",
    "2026-01-31T12:00:00+02:0a",
    "2026-01-31T24:00:00Z",
    "2026-01-31T12:60:00Z",
    "2026-01-31T12:00:61Z",
    "2026-00-31T12:00:00Z",
    "2026-13-31T12:00:00Z",
    "2026-01-00T12:00:00Z",
    "2026-01-32T12:00:00Z",
    "2026-04-31T12:00:00Z",
    "2026-02-29T12:00:00Z",
    "1900-02-29T12:00:00Z",
    "26-01-31T12:00:00.000Z",
    "+2026-01-31T12:00:00Z",
    "202a-01-31T12:00:00Z",
    "2026-01-31X12:00:00Z",
    "٢٠٢٦-01-31T12:00:00Z",
    " 2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00Z\n",
    "1769860800000",
  ];
  for (const text of refused) {
    assert.throws(() => parseTimestamp(text), { code: "bad_timestamp" }, JSON.stringify(text));
  }
});

test("a leap second is refused", () => {
  assert.throws(() => parseTimestamp("2016-12-31T23:59:60Z"), {
    code: "bad_timestamp",
    message: /leap second/,
  });
});

test("digits beyond the microsecond are refused unless they are zeros", () => {
  assert.throws(() => parseTimestamp("2026-01-31T12:00:00.1234567Z"), { code: "bad_timestamp" });
  assert.throws(() => parseTimestamp("2026-01-31T12:00:00.00000000001Z"), { code: "bad_timestamp" });
  assert.equal(parseTimestamp("1970-01-01T00:00:00.123456000Z"), 123_456n);
});

test("leap days exist in leap years", () => {
  assert.equal(parseTimestamp("2000-02-29T00:00:00Z"), BigInt(Date.UTC(2000, 1, 29)) * 1000n);
  assert.equal(parseTimestamp("2024-02-29T00:00:00Z"), BigInt(Date.UTC(2024, 1, 29)) * 1000n);
});

test("the years 0000 to 9999 are taken to the last microsecond, and no offset leads out of them", () => {
  assert.equal(parseTimestamp("0000-01-01T00:00:00Z"), tsMicrosMin);
  assert.equal(parseTimestamp("9999-12-31T23:59:59.999999Z"), tsMicrosMax);
  assert.equal(formatTimestamp(tsMicrosMin), "0000-01-01T00:00:00.000000Z");
  assert.equal(formatTimestamp(tsMicrosMax), "9999-12-31T23:59:59.999999Z");
  assert.throws(() => parseTimestamp("0000-01-01T00:00:00+00:01"), { code: "bad_timestamp" });
  assert.throws(() => parseTimestamp("9999-12-31T23:59:59-00:01"), { code: "bad_timestamp" });
  assert.throws(() => formatTimestamp(tsMicrosMin - 1n), { name: "AssertionError" });
  assert.throws(() => formatTimestamp(tsMicrosMax + 1n), { name: "AssertionError" });
});

test("a formatted time has six decimals and parses to itself", () => {
  fc.assert(
    fc.property(anyTsMicros, (tsMicros) => {
      const text = formatTimestamp(tsMicros);
      assert.match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      assert.equal(parseTimestamp(text), tsMicros);
    }),
  );
});

test("dates agree with the platform's own", () => {
  fc.assert(
    fc.property(
      fc.date({
        min: new Date("0000-01-01T00:00:00Z"),
        max: new Date("9999-12-31T23:59:59Z"),
        noInvalidDate: true,
      }),
      (date) => {
        assert.equal(parseTimestamp(date.toISOString()), BigInt(date.getTime()) * 1000n);
      },
    ),
  );
});

test("any other text is refused with bad_timestamp and nothing else", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 30 }), (text) => {
      assert.throws(() => parseTimestamp(text), { code: "bad_timestamp" });
    }),
  );
});
