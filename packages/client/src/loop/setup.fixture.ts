/** One loop over the simulated world, for the tests that go case by case. */

import { createSimEnv, type SimEnv } from "@epsilon/env/testing";
import { ArraySource, FakeInstance, lineOf } from "./loop.fixture.ts";
import type { RejectedBySource } from "./rejected.ts";
import { Replicator, type ReplicatorOptions } from "./replicator.ts";

export interface Setup {
  readonly env: SimEnv;
  readonly source: ArraySource;
  readonly one: FakeInstance;
  readonly loop: Replicator;
  readonly rejected: RejectedBySource[];
}

/** A source, an instance and a loop between them that has not begun. */
export function setUp(options: Partial<ReplicatorOptions> = {}): Setup {
  const env = createSimEnv(1);
  const source = new ArraySource();
  const one = new FakeInstance(env, "one");
  const rejected: RejectedBySource[] = [];
  const loop = new Replicator(env, {
    source,
    url: one.origin,
    onRejected: (event) => void rejected.push(event),
    ...options,
  });
  return { env, source, one, loop, rejected };
}

/** The lines of events `from` to `to`, the latter not included. */
export const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => lineOf(from + i));
/** Whether all is sent. */
export const isIdle =
  ({ loop }: Setup) =>
  () =>
    loop.state.phase === "idle" && loop.state.lag === 0;
