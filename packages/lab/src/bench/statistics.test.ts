/** The statistics that reports are made of. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { geometricMean, median, percentile, spread, table } from "./statistics.ts";

test("a percentile is a value that was measured, whatever their order", () => {
  const values = [5, 1, 4, 2, 3, 10];
  assert.deepEqual(
    [0, 0.5, 0.99, 1].map((fraction) => percentile(values, fraction)),
    [1, 4, 10, 10],
  );
  assert.equal(median([3, 1, 2]), 2);
  assert.deepEqual(values, [5, 1, 4, 2, 3, 10]);
  assert.throws(() => percentile([], 0.5));
});

test("the geometric mean of a ratio and its inverse is 1", () => {
  assert.ok(Math.abs(geometricMean([4, 0.25]) - 1) < 1e-12);
});

test("a spread names the extremes only where there are several values", () => {
  assert.equal(spread([2], String), "2");
  assert.equal(spread([3, 1, 2], String), "2 (1–3)");
});

test("a table is Markdown", () => {
  assert.equal(table(["a", "b"], [["1", "2"]]), "| a | b |\n| --- | --- |\n| 1 | 2 |");
});
