/** What is logged and not yet applied is bounded in bytes: beyond it writers wait a while, then get `overloaded`. */

import type { Clock } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";

export class Backpressure {
  readonly #clock: Clock;
  readonly #limits: { readonly waitingBytesMax: number; readonly waitMs: number };
  readonly #waiters = new Set<() => void>();
  #bytes = 0;

  constructor(clock: Clock, limits: { readonly waitingBytesMax: number; readonly waitMs: number }) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get waitingBytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#limits.waitingBytesMax;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  remove(bytes: number): void {
    this.#bytes -= bytes;
    if (this.isFull) return;
    for (const wake of this.#waiters) wake();
  }

  /** Settles when there is room. `stalled` is why nothing is being applied, if so: then waiting is in vain. */
  async admit(stalled: EpsilonError | null): Promise<void> {
    if (!this.isFull) return;
    if (stalled !== null) throw stalled;
    const deadlineMs = this.#clock.elapsedMs() + this.#limits.waitMs;
    while (this.isFull) {
      const leftMs = deadlineMs - this.#clock.elapsedMs();
      if (leftMs <= 0) {
        throw new EpsilonError(
          "overloaded",
          `${this.#bytes} bytes wait to be applied; try again in a second`,
          {
            details: { retryAfterMs: 1000 },
          },
        );
      }
      await this.#waitMs(leftMs);
    }
  }

  async #waitMs(ms: number): Promise<void> {
    const stop = new AbortController();
    const wake = (): void => stop.abort();
    this.#waiters.add(wake);
    try {
      await this.#clock.sleep(ms, stop.signal);
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    } finally {
      this.#waiters.delete(wake);
    }
  }
}
