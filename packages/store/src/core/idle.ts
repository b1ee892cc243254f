/** Does something once, when it has been quiet for a while. */

import type { Clock } from "@epsilon/env";

export class Idle {
  readonly #clock: Clock;
  readonly #afterMs: number;
  readonly #work: () => Promise<void>;
  #countdown: AbortController | null = null;

  constructor(clock: Clock, options: { readonly afterMs: number; readonly work: () => Promise<void> }) {
    this.#clock = clock;
    this.#afterMs = options.afterMs;
    this.#work = options.work;
  }

  /** Something happened: it counts from the beginning again. */
  stir(): void {
    this.stop();
    const countdown = new AbortController();
    this.#countdown = countdown;
    this.#clock.sleep(this.#afterMs, countdown.signal).then(this.#work, () => {
      // Stirred or stopped: that is what the signal is for.
    });
  }

  stop(): void {
    this.#countdown?.abort();
    this.#countdown = null;
  }
}
