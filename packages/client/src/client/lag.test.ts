/** The age of what an instance lacks. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv } from "@epsilon/env/testing";
import { LagClock } from "./lag.ts";

test("what lies behind a position is as old as the first sample behind it", async () => {
  const sim = createSimEnv(1);
  const { clock } = sim.boot();
  const lag = new LagClock(clock);
  for (let second = 1; second <= 10_000; second += 1) {
    await sim.advance(1000);
    lag.note("life", second * 10);
  }
  assert.equal(lag.ageMs("life", 99_995), 0);
  assert.equal(lag.ageMs("life", 99_985), 1000);
  const old = lag.ageMs("life", 50_000);
  assert.ok(Math.abs(old - 5_000_000) < 100_000, `${old}`);
  assert.equal(lag.ageMs("another", 0), 10_000_000, "as old as the process");
});
