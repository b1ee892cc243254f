/** The comparators are total orders, and text sorts as its UTF-8 bytes do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { anyEvent, anyFieldValue, anyNumber, anyText, anyUuid } from "./arbitraries.ts";
import type { FieldValue } from "./event.ts";
import {
  type Comparison,
  compareKeys,
  compareNumbers,
  compareUtf8,
  compareUuids,
  compareValues,
} from "./order.ts";
import { uuidBytes } from "./uuid.ts";

function checkTotalOrder<T>(arbitrary: fc.Arbitrary<T>, compare: (a: T, b: T) => Comparison): void {
  fc.assert(
    fc.property(arbitrary, arbitrary, arbitrary, (a, b, c) => {
      assert.equal(compare(a, a), 0, "reflexive");
      assert.equal(compare(a, b) + compare(b, a), 0, "antisymmetric");
      const [x, y, z] = [a, b, c].sort(compare);
      if (x === undefined || y === undefined || z === undefined) return assert.fail("three of them");
      assert.ok(compare(x, y) <= 0 && compare(y, z) <= 0 && compare(x, z) <= 0, "transitive");
      if (compare(a, b) === 0) assert.equal(compare(a, c), compare(b, c), "equals are interchangeable");
    }),
    { numRuns: 400 },
  );
}

test("every comparator is a total order", () => {
  checkTotalOrder(anyText, compareUtf8);
  checkTotalOrder(fc.string({ unit: fc.constantFrom("a", "\ud800", "\udc00", "\ue000") }), compareUtf8);
  checkTotalOrder(anyUuid, compareUuids);
  checkTotalOrder(fc.oneof(anyNumber, fc.double()), compareNumbers);
  checkTotalOrder(anyFieldValue, compareValues);
  checkTotalOrder(anyEvent, compareKeys);
});

test("texts sort as their UTF-8 bytes", () => {
  fc.assert(
    fc.property(anyText, anyText, (a, b) => {
      assert.equal(compareUtf8(a, b), Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    { numRuns: 1000 },
  );
});

test("U+10000 sorts after U+FFFD, where UTF-16 has it before", () => {
  assert.equal(compareUtf8("\u{10000}", "\ufffd"), 1);
  assert.equal(compareUtf8("a\u{10000}", "a\uffff"), 1);
  assert.equal(compareUtf8("\ud7ff", "\u{10000}"), -1);
  assert.equal(compareUtf8("a", "ab"), -1);
});

test("UUIDs sort as their bytes", () => {
  fc.assert(
    fc.property(anyUuid, anyUuid, (a, b) => {
      assert.equal(compareUuids(a, b), Buffer.compare(uuidBytes(a), uuidBytes(b)));
    }),
  );
});

test("-0 equals 0, and NaN is above all", () => {
  assert.equal(compareNumbers(-0, 0), 0);
  assert.equal(compareNumbers(Number.NaN, Number.POSITIVE_INFINITY), 1);
  assert.equal(compareNumbers(Number.NaN, Number.NaN), 0);
});

test("keys sort by time before id", () => {
  const early = { tsMicros: -1n, id: "ffffffff-ffff-4fff-bfff-ffffffffffff" };
  const late = { tsMicros: 0n, id: "00000000-0000-4000-8000-000000000000" };
  assert.equal(compareKeys(early, late), -1);
  assert.equal(compareKeys(late, { ...late, id: "00000000-0000-4000-8000-000000000001" }), -1);
});

test("values sort across types: booleans, numbers, texts", () => {
  const sorted: FieldValue[] = [false, true, -1e300, -1, 0, 0.5, 1e21, "", "1", "a", "\ufffd", "\u{10000}"];
  assert.deepEqual([...sorted].reverse().sort(compareValues), sorted);
});
