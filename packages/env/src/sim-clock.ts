/** A clock that stands still until a test moves it. */

import type { Clock } from "./env.ts";
import { settle } from "./testing/settle.ts";

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Virtual time. `sleep(0)` needs no `advance`; every other sleep does. */
export class SimClock implements Clock {
  #elapsedMs = 0;
  #wallOffsetMicros: bigint;
  readonly #sleepers = new Set<Sleeper>();

  /** Begins at `wallMicros`, 2026-01-01T00:00:00Z unless told. */
  constructor(wallMicros = 1_767_225_600_000_000n) {
    this.#wallOffsetMicros = wallMicros;
  }

  nowMicros(): bigint {
    return this.#wallOffsetMicros + this.#elapsedMicros();
  }

  elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** How many tasks sleep. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Lets the wall clock jump, in either direction. Elapsed time and sleeps know nothing of it. */
  setWallMicros(micros: bigint): void {
    this.#wallOffsetMicros = micros - this.#elapsedMicros();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (ms <= 0) {
      await Promise.resolve();
      signal?.throwIfAborted();
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        dueMs: this.#elapsedMs + ms,
        wake: () => {
          signal?.removeEventListener("abort", abort);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** Moves time on by `ms`. Whoever sleeps wakes when it is due, in order, and runs until it waits again. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms;
    await settle();
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#sleepers.delete(next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      next.wake();
      await settle();
    }
    this.#elapsedMs = untilMs;
  }

  #next(untilMs: number): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (untilMs < sleeper.dueMs) continue;
      // The set keeps the order of arrival, so of two that are due together the first one stays.
      if (first === undefined || sleeper.dueMs < first.dueMs) first = sleeper;
    }
    return first;
  }

  #elapsedMicros(): bigint {
    return BigInt(Math.round(this.#elapsedMs * 1000));
  }
}
