/** Where writers wait while a spool is full. */

import { EpsilonError } from "@epsilon/model";

export interface RoomOptions {
  readonly hasRoom: () => boolean;
  /** What those who give up are told. */
  readonly full: () => EpsilonError;
}

export class Room {
  readonly #options: RoomOptions;
  readonly #waiting = new Set<() => void>();
  #isClosed = false;

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** Settles when there is room. Rejects with `full()` when the signal is aborted before, and with `closed`. */
  enter(signal: AbortSignal | undefined): Promise<void> {
    if (this.#isClosed) return Promise.reject(closed());
    if (this.#options.hasRoom()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        this.#waiting.delete(enter);
        signal?.removeEventListener("abort", giveUp);
        if (this.#isClosed) reject(closed());
        else resolve();
      };
      const giveUp = (): void => {
        this.#waiting.delete(enter);
        reject(this.#options.full());
      };
      if (signal?.aborted === true) return reject(this.#options.full());
      signal?.addEventListener("abort", giveUp, { once: true });
      this.#waiting.add(enter);
    });
  }

  /** Lets writers in where there is room now. */
  look(): void {
    if (this.#options.hasRoom()) this.#letAllIn();
  }

  close(): void {
    this.#isClosed = true;
    this.#letAllIn();
  }

  #letAllIn(): void {
    for (const enter of [...this.#waiting]) enter();
  }
}

/** What is said to those who come after the end. */
export function closed(): EpsilonError {
  return new EpsilonError("closed", "the spool is closed; open it again to write");
}
