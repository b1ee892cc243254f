/** Whom to ask first, whom last, and when to ask another one too. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Health } from "./health.ts";

const urls = ["a", "b", "c"];

test("the fast come first, the unknown before them, and old answers are forgotten", () => {
  const health = new Health(urls);
  assert.deepEqual(health.order(urls, 0), urls);
  for (const tookMs of [30, 30, 900]) health.answered("a", 0, tookMs);
  for (const tookMs of [10, 20, 10]) health.answered("c", 0, tookMs);
  assert.deepEqual(health.order(urls, 0), ["b", "c", "a"]);
  health.answered("b", 0, 25);
  assert.deepEqual(health.order(urls, 60_000), ["c", "b", "a"]);
  assert.deepEqual(health.order(urls, 60_001), urls);
});

test("a failure puts an instance last, for 1 second doubling to 30, and an answer puts it back", () => {
  const health = new Health(urls);
  let nowMs = 0;
  for (const backoffMs of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
    health.failed("a", nowMs);
    health.failed("a", nowMs + backoffMs / 2);
    assert.deepEqual(health.order(urls, nowMs + backoffMs - 1), ["b", "c", "a"], `${backoffMs}`);
    nowMs += backoffMs;
    assert.ok(health.isHealthy("a", nowMs), `${backoffMs}`);
  }
  health.failed("a", nowMs);
  health.answered("a", nowMs + 1);
  assert.ok(health.isHealthy("a", nowMs + 1));
  health.failed("a", nowMs + 2);
  assert.ok(health.isHealthy("a", nowMs + 1002), "it begins at a second again");
});

test("of those that failed, whoever may be back first comes first", () => {
  const health = new Health(urls);
  health.failed("a", 100);
  health.failed("b", 0);
  health.failed("c", 50);
  assert.deepEqual(health.order(urls, 200), ["b", "c", "a"]);
});

test("hedging waits for the p95 of all, a second while there are few answers, 10 ms at least", () => {
  const health = new Health(urls);
  for (let n = 1; n <= 9; n += 1) health.answered("a", 0, n);
  assert.equal(health.hedgeAfterMs, 1000);
  health.answered("a", 0, 1);
  assert.equal(health.hedgeAfterMs, 10);
  for (let n = 0; n < 90; n += 1) health.answered(n % 2 === 0 ? "b" : "c", 0, 11 + n);
  assert.equal(health.hedgeAfterMs, 95);
  for (let n = 0; n < 100; n += 1) for (const url of urls) health.answered(url, 0, 20);
  assert.equal(health.hedgeAfterMs, 20, "only the last 100 of each count");
});

test("two silences in a row are a failure, one is a heavy question", () => {
  const health = new Health(urls);
  health.silent("a", 0, 10);
  health.answered("a", 0, 10);
  health.silent("a", 0, 10);
  assert.ok(health.isHealthy("a", 0));
  health.silent("a", 0, 10);
  assert.ok(!health.isHealthy("a", 0));
});
