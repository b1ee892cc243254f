/** What every source of randomness keeps. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Random } from "./env.ts";

export function randomConformance(name: string, make: () => Random): void {
  test(`${name} random: as many bytes as asked for, and not all the same`, () => {
    const random = make();
    assert.equal(random.bytes(0).length, 0);
    const bytes = random.bytes(1024);
    assert.equal(bytes.length, 1024);
    // Of 256 values, 1024 draws miss about five.
    assert.ok(200 < new Set(bytes).size);
    assert.notDeepEqual(random.bytes(16), random.bytes(16));
  });

  test(`${name} random: unit lies in [0, 1), in its middle on average`, () => {
    const random = make();
    const units = Array.from({ length: 10_000 }, () => random.unit());
    assert.ok(units.every((unit) => 0 <= unit && unit < 1));
    const mean = units.reduce((sum, unit) => sum + unit, 0) / units.length;
    // The mean's deviation is 0.003; this is over 15 of them.
    assert.ok(Math.abs(mean - 0.5) < 0.05, String(mean));
  });
}
