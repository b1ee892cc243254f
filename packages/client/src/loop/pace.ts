/** How much goes into one request: as much as an instance answers in a few hundred milliseconds. */

import { limits } from "@epsilon/model";

/** What one request may hold; the first chunk always may. */
export interface BatchSize {
  readonly eventsMax: number;
  readonly bytesMax: number;
}

const slowMs = 500;
const fastMs = 200;
const aimMs = 350;
const bytesFirst = 256 * 1024;
/** A slow answer to less than this is the way's doing, not the batch's. */
const bytesSlow = 64 * 1024;
const bytesMost = 8_000_000;

export class Pace {
  #bytes = bytesFirst;
  #events: number = limits.batchEventsMax;
  /** What the instance refused as too large is not tried again. */
  #bytesCeiling = bytesMost;

  get size(): BatchSize {
    return { eventsMax: this.#events, bytesMax: this.#bytes };
  }

  /** A batch was stored. Small ones that were answered quickly say nothing about larger ones. */
  answered(bytes: number, elapsedMs: number): void {
    if (slowMs < elapsedMs) {
      if (bytesSlow < bytes) this.#set(Math.max(bytesSlow, bytes * Math.max(0.5, aimMs / elapsedMs)));
    } else if (elapsedMs < fastMs && this.#bytes / 2 <= bytes) this.#set(Math.max(this.#bytes, bytes) * 2);
  }

  /** A batch was not answered in time. */
  timedOut(bytes: number): void {
    this.#set(Math.min(this.#bytes, bytes) / 2);
  }

  /** Something in a batch spoils it: smaller ones close in on it. */
  spoiled(bytes: number): void {
    this.#set(Math.min(this.#bytes, bytes) / 2);
  }

  /** The instance does not take bodies of this size. */
  tooManyBytes(bytes: number): void {
    this.#bytesCeiling = Math.max(1, Math.floor(Math.min(this.#bytesCeiling, bytes) / 2));
    this.#set(this.#bytes);
  }

  /** The instance does not take so many events. */
  tooManyEvents(events: number): void {
    this.#events = Math.max(1, Math.floor(Math.min(this.#events, events) / 2));
  }

  /** Another run of the instance may have other limits. */
  forgetLimits(): void {
    this.#bytesCeiling = bytesMost;
    this.#events = limits.batchEventsMax;
  }

  #set(bytes: number): void {
    this.#bytes = Math.max(1, Math.min(this.#bytesCeiling, Math.floor(bytes)));
  }
}
