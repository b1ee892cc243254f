/** Cursors and gaps: round trips, and each part at its limit and one beyond. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatCursor, formatGap, parseCursor, parseGap } from "./cursor.ts";

const anyPart = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const anyPosition = fc.oneof(fc.constantFrom(0, 1, 2 ** 53 - 1), fc.maxSafeNat());
const anyReason = fc
  .string({ minLength: 1, maxLength: 1000 })
  .map((text) => text.trim())
  .filter((text) => text !== "");

test("a cursor's text parses to itself", () => {
  fc.assert(
    fc.property(anyPart, anyPosition, anyPart, (stream, position, check) => {
      const cursor = { stream, position, check };
      assert.deepEqual(parseCursor(formatCursor(cursor)), cursor);
    }),
  );
});

test("parts of a cursor are taken at their limit and refused beyond", () => {
  const part = "x".repeat(64);
  assert.equal(parseCursor(`${part}:9007199254740991:${part}`).position, 2 ** 53 - 1);
  const refused = [
    "",
    "*",
    "null",
    "a:1",
    "a:1:",
    ":1:b",
    "a::b",
    "a:1:b:c",
    "a:-1:b",
    "a:+1:b",
    "a:01:b",
    "a:1.0:b",
    "a:1e3:b",
    "a:0x1:b",
    "a: 1:b",
    "a:1:b ",
    "a:1:b\n",
    "a:9007199254740992:b",
    "a:99999999999999999999:b",
    `${part}x:1:b`,
    `a:1:${part}x`,
    "a b:1:c",
    "é:1:c",
    "a.b:1:c",
  ];
  for (const text of refused) {
    assert.throws(() => parseCursor(text), { code: "bad_cursor" }, JSON.stringify(text));
  }
});

test("a cursor that has no text is not written", () => {
  for (const cursor of [
    { stream: "a:b", position: 1, check: "c" },
    { stream: "a", position: 1.5, check: "c" },
    { stream: "a", position: -1, check: "c" },
    { stream: "a", position: 2 ** 53, check: "c" },
    { stream: "a", position: 1, check: "" },
  ]) {
    assert.throws(() => formatCursor(cursor), { code: "bad_cursor" });
  }
});

test("a gap's text parses to itself", () => {
  fc.assert(
    fc.property(fc.option(anyPosition), anyPosition, anyReason, (from, to, reason) => {
      fc.pre(from === null || from < to);
      assert.deepEqual(parseGap(formatGap({ from, to, reason })), { from, to, reason });
    }),
  );
});

test("a gap is read as the header has it", () => {
  assert.deepEqual(parseGap("17..42; file was rotated; and deleted"), {
    from: 17,
    to: 42,
    reason: "file was rotated; and deleted",
  });
  assert.deepEqual(parseGap("null..42;trimmed "), { from: null, to: 42, reason: "trimmed" });
  assert.equal(parseGap(`0..1; ${"x".repeat(1000)}`).reason.length, 1000);
});

test("what is no gap is refused", () => {
  const refused = [
    "",
    "1..2",
    "1..2;",
    "1..2;   ",
    "1.2; x",
    "..2; x",
    "1..; x",
    "1..null; x",
    "2..2; x",
    "3..2; x",
    "-1..2; x",
    "1..2.5; x",
    "01..2; x",
    "0..9007199254740992; x",
    "1..2; a\nb",
    "1..2; a\u0000b",
    `0..1; ${"x".repeat(1001)}`,
  ];
  for (const text of refused) assert.throws(() => parseGap(text), { code: "bad_gap" }, JSON.stringify(text));
  assert.throws(() => formatGap({ from: 1, to: 2, reason: "a\r\nb" }), { code: "bad_gap" });
  assert.throws(() => formatGap({ from: 2, to: 1, reason: "a" }), { code: "bad_gap" });
});
