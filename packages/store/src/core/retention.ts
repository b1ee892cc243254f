/**
 * Retention: a loop raises each collection's horizon as time goes by; raising it is a frame like any other.
 *
 * A horizon is final, so a wrong clock must not move it: when wall time and elapsed time disagree by more than a day,
 * or the wall clock at a start is more than a day from where it was last seen, purging stops until a person confirms.
 */

import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";

/** How long events are kept, milliseconds; null is for ever. Names win over the default. */
export interface Retention {
  readonly defaultMs: number | null;
  readonly byCollection: ReadonlyMap<string, number>;
}

/** Everything is kept. */
export const keepForEver: Retention = { defaultMs: null, byCollection: new Map() };

/** The retention of a collection. Our own (`epsilon.…`) never expire. */
export function retentionFor(retention: Retention, collection: string): number | null {
  if (collection.startsWith("epsilon.")) return null;
  return retention.byCollection.get(collection) ?? retention.defaultMs;
}

export interface PurgerOptions {
  readonly retention: Retention;
  readonly everyMs: number;
  readonly clockConfirmed: boolean;
  readonly lastClockMicros: bigint | null;
  readonly collections: () => readonly string[];
  readonly horizonMicros: (collection: string) => bigint | null;
  readonly raise: (collection: string, horizonMicros: bigint) => Promise<void>;
  readonly remember: (micros: bigint) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

const dayMs = 86_400_000;

export class Purger {
  readonly #env: Env;
  readonly #options: PurgerOptions;
  #stopped: string | null = null;
  #seen: { readonly wallMs: number; readonly elapsedMs: number } | null = null;
  finished: Promise<void> = Promise.resolve();

  constructor(env: Env, options: PurgerOptions) {
    this.#env = env;
    this.#options = options;
    if (options.clockConfirmed || options.lastClockMicros === null) return;
    const gapMs = Number((env.clock.nowMicros() - options.lastClockMicros) / 1000n);
    if (Math.abs(gapMs) > dayMs) this.#stop(gapMs);
  }

  /** Why nothing is purged, if a clock jumped. */
  get stopped(): string | null {
    return this.#stopped;
  }

  /**
   * Runs until the signal is aborted; `finished` settles then. Settles itself once the horizons are where the clock
   * says, so that what they forbid is refused from the first request on.
   */
  async start(signal: AbortSignal): Promise<void> {
    await this.#tick();
    this.finished = this.#run(signal).catch((error: unknown) => {
      if (!signal.aborted) this.#options.failed(error);
    });
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#env.clock.sleep(this.#options.everyMs, signal);
      await this.#tick();
    }
  }

  async #tick(): Promise<void> {
    const wallMs = Number(this.#env.clock.nowMicros() / 1000n);
    const elapsedMs = this.#env.clock.elapsedMs();
    if (this.#seen !== null && this.#stopped === null) {
      const jumpMs = wallMs - this.#seen.wallMs - (elapsedMs - this.#seen.elapsedMs);
      if (Math.abs(jumpMs) > dayMs) this.#stop(jumpMs);
    }
    this.#seen = { wallMs, elapsedMs };
    // A clock under suspicion is not remembered either: the next start must notice it again.
    if (this.#stopped !== null) return;
    await this.#options.remember(BigInt(wallMs) * 1000n);
    for (const collection of this.#options.collections()) await this.#purge(collection, wallMs);
  }

  async #purge(collection: string, wallMs: number): Promise<void> {
    const retentionMs = retentionFor(this.#options.retention, collection);
    if (retentionMs === null) return;
    const horizonMicros = BigInt(wallMs - retentionMs) * 1000n;
    const current = this.#options.horizonMicros(collection);
    if (current !== null && current >= horizonMicros) return;
    await this.#options.raise(collection, horizonMicros);
  }

  #stop(jumpMs: number): void {
    const { defaultMs, byCollection } = this.#options.retention;
    // Where everything is kept, a clock can purge nothing: a laptop that slept is no reason for a warning.
    if (defaultMs === null && byCollection.size === 0) return;
    const hours = Math.round(jumpMs / 3_600_000);
    this.#stopped = `the clock jumped by ${hours} hours; nothing is purged until it is confirmed (--confirm-clock)`;
    this.#env.report({ level: "warn", event: "purging_stopped", details: { message: this.#stopped } });
  }
}

/** Throws `bad_request` if a retention makes no sense. */
export function assertRetention(retention: Retention): void {
  for (const ms of [retention.defaultMs ?? 1, ...retention.byCollection.values()]) {
    if (ms > 0) continue;
    throw new EpsilonError("bad_request", `a retention is longer than nothing, not ${ms} ms`);
  }
}
