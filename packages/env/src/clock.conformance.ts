/** What every clock keeps. `advance` lets that much time pass, where somebody has to. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "./env.ts";

export function clockConformance(
  name: string,
  make: () => { readonly clock: Clock; readonly advance: (ms: number) => Promise<void> },
): void {
  test(`${name} clock: wall time is microseconds since 1970`, () => {
    const { clock } = make();
    const now = clock.nowMicros();
    assert.equal(typeof now, "bigint");
    assert.ok(1_577_836_800_000_000n < now && now < 4_102_444_800_000_000n, String(now));
  });

  test(`${name} clock: elapsed time never goes back, and sleeping lets it grow`, async () => {
    const { clock, advance } = make();
    const before = clock.elapsedMs();
    const slept = clock.sleep(5);
    await advance(5);
    await slept;
    // Timers may fire a fraction of a millisecond early.
    assert.ok(before + 4 <= clock.elapsedMs());
  });

  test(`${name} clock: the shorter sleep ends first`, async () => {
    const { clock, advance } = make();
    const order: string[] = [];
    const all = [
      clock.sleep(20).then(() => order.push("long")),
      clock.sleep(2).then(() => order.push("short")),
      clock.sleep(0).then(() => order.push("none")),
    ];
    await advance(20);
    await Promise.all(all);
    assert.deepEqual(order, ["none", "short", "long"]);
  });

  test(`${name} clock: sleep(0) ends without anybody's help`, async () => {
    await make().clock.sleep(0);
  });

  test(`${name} clock: an aborted sleep rejects with the signal's reason`, async () => {
    const { clock } = make();
    const reason = new Error("enough");
    const controller = new AbortController();
    const slept = clock.sleep(1_000_000, controller.signal);
    controller.abort(reason);
    await assert.rejects(slept, (error) => error === reason);
    await assert.rejects(clock.sleep(0, controller.signal), (error) => error === reason);
    await assert.rejects(clock.sleep(5, controller.signal), (error) => error === reason);
  });
}
