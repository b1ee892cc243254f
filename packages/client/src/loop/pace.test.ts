/** The size of batches: grows while answers are quick, shrinks when they are slow or refused, and stays in its bounds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "@epsilon/model";
import fc from "fast-check";
import { Pace } from "./pace.ts";

test("full batches that are answered quickly grow, small ones say nothing", () => {
  const pace = new Pace();
  const { bytesMax } = pace.size;
  pace.answered(100, 1);
  assert.equal(pace.size.bytesMax, bytesMax);
  pace.answered(bytesMax, 100);
  assert.equal(pace.size.bytesMax, bytesMax * 2);
  pace.answered(bytesMax * 2, 300);
  assert.equal(pace.size.bytesMax, bytesMax * 2);
  for (let i = 0; i < 20; i++) pace.answered(pace.size.bytesMax, 10);
  assert.equal(pace.size.bytesMax, 8_000_000);
  assert.equal(pace.size.eventsMax, limits.batchEventsMax);
});

test("slow answers halve at most, and not below what a slow way would make slow too", () => {
  const pace = new Pace();
  pace.answered(200_000, 700);
  assert.equal(pace.size.bytesMax, 100_000);
  pace.answered(100_000, 60_000);
  assert.equal(pace.size.bytesMax, 65_536);
  pace.answered(1000, 60_000);
  assert.equal(pace.size.bytesMax, 65_536);
  pace.timedOut(65_536);
  pace.timedOut(32_768);
  assert.equal(pace.size.bytesMax, 16_384);
});

test("what was refused as too large is not tried again until another run of the instance", () => {
  const pace = new Pace();
  pace.tooManyBytes(100_000);
  pace.tooManyEvents(1000);
  for (let i = 0; i < 20; i++) pace.answered(pace.size.bytesMax, 1);
  assert.deepEqual(pace.size, { eventsMax: 500, bytesMax: 50_000 });
  pace.forgetLimits();
  for (let i = 0; i < 20; i++) pace.answered(pace.size.bytesMax, 1);
  assert.deepEqual(pace.size, { eventsMax: limits.batchEventsMax, bytesMax: 8_000_000 });
});

test("it stays within its bounds, and refusals come down to a single chunk", () => {
  const step = fc.tuple(fc.nat(3), fc.nat(10_000_000), fc.nat(60_000));
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const pace = new Pace();
      for (const [kind, bytes, ms] of steps) {
        if (kind === 0) pace.answered(bytes, ms);
        else if (kind === 1) pace.timedOut(bytes);
        else if (kind === 2) pace.tooManyBytes(bytes);
        else pace.tooManyEvents(bytes);
        const { bytesMax, eventsMax } = pace.size;
        assert.ok(Number.isInteger(bytesMax) && bytesMax >= 1 && bytesMax <= 8_000_000);
        assert.ok(Number.isInteger(eventsMax) && eventsMax >= 1 && eventsMax <= limits.batchEventsMax);
      }
      for (let i = 0; i < 30; i++) pace.tooManyBytes(pace.size.bytesMax);
      assert.equal(pace.size.bytesMax, 1);
    }),
  );
});
