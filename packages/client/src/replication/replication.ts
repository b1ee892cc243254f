/** Every source to every instance: the loops, who waits for how many of them, and what a source may forget. */

import type { Env } from "@epsilon/env";
import { type Cursor, EpsilonError } from "@epsilon/model";
import { lagOf, Replicator } from "../loop/replicator.ts";
import type { OnRejected } from "../loop/sender.ts";
import { sharedReads } from "../loop/shared-reads.ts";
import type { ReplicatorState } from "../loop/state.ts";
import type { Source } from "../sources/source.ts";
import { type Acknowledgement, isEnough } from "./acknowledgement.ts";

export interface InstanceAddress {
  readonly url: string;
  readonly token?: string | undefined;
}

export interface ReplicationOptions {
  readonly instances: readonly InstanceAddress[];
  readonly onRejected: OnRejected;
  /** Told when an instance may have come further in a source. */
  readonly onMove?: (source: Source) => void;
  readonly answerLimitMs?: number | undefined;
  readonly idleAskMs?: number | undefined;
}

/** What was waited for in vain: where each instance stands. */
export interface Straggler {
  readonly url: string;
  readonly cursor: Cursor | null;
  readonly lag: number | null;
  readonly error: string | null;
}

/** How much of a source is kept for the loops that come to it later. */
const sharedBytesMax = 16 * 1024 * 1024;

export class Replication {
  readonly #env: Env;
  readonly #options: ReplicationOptions;
  readonly #loops = new Map<Source, readonly Replicator[]>();
  #isStopped = false;

  constructor(env: Env, options: ReplicationOptions) {
    this.#env = env;
    this.#options = options;
  }

  /** Begins to send a source to all instances. */
  add(source: Source): void {
    if (this.#isStopped || this.#loops.has(source)) return;
    const { instances, onRejected, onMove, answerLimitMs, idleAskMs } = this.#options;
    // Read once for all that are near the same place.
    const shared = instances.length === 1 ? source : sharedReads(source, sharedBytesMax);
    const loops = instances.map(
      ({ url, token }) =>
        new Replicator(this.#env, {
          source: shared,
          url,
          token,
          onRejected,
          onMove: () => onMove?.(source),
          answerLimitMs,
          idleAskMs,
        }),
    );
    this.#loops.set(source, loops);
    for (const loop of loops) loop.start().catch((error: unknown) => this.#report(loop, error));
  }

  /** Sources × instances. */
  get states(): readonly ReplicatorState[] {
    return this.loops.map(({ state }) => state);
  }

  /** The same, each with its source. */
  get loops(): readonly { readonly source: Source; readonly state: ReplicatorState }[] {
    return [...this.#loops].flatMap(([source, loops]) => loops.map(({ state }) => ({ source, state })));
  }

  /**
   * Settles when enough distinct instances durably stand at a cursor of the source, or beyond. Rejects with
   * `not_acknowledged` (details: how far each instance came) when the signal is aborted or the loops are stopped before.
   */
  async waitFor(
    source: Source,
    wanted: { readonly cursor: Cursor; readonly acknowledgement: Acknowledgement },
    signal?: AbortSignal,
  ): Promise<void> {
    const loops = this.#loops.get(source) ?? [];
    const over = new AbortController();
    const stop = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
    const reached = new Set<Replicator>();
    try {
      await new Promise<void>((resolve, reject) => {
        const look = (): void => {
          const states = loops.map((loop) => loop.state);
          if (
            isEnough(
              wanted.acknowledgement,
              states,
              [...reached].map((loop) => loop.state),
            )
          )
            resolve();
        };
        for (const loop of loops)
          this.#reach(loop, source, { cursor: wanted.cursor, signal: stop }).then(() => {
            reached.add(loop);
            look();
          }, reject);
      });
    } catch (error) {
      throw await this.#notEnough(source, wanted.acknowledgement, error);
    } finally {
      over.abort();
    }
  }

  /** The position up to which all instances hold the source, as `held` says; 0 where one is not known to stand in it. */
  heldByAll(source: Source, held: (state: ReplicatorState) => Cursor | null, stream: string): number {
    const loops = this.#loops.get(source) ?? [];
    if (loops.length === 0) return 0;
    return Math.min(
      ...loops.map((loop) => {
        const cursor = held(loop.state);
        return cursor?.stream === stream ? cursor.position : 0;
      }),
    );
  }

  /** The addresses of the instances that durably stand at a cursor of the source, or beyond: in its stream, or in the one that it began since. */
  holders(source: Source, cursor: Cursor, stream: string): ReadonlySet<string> {
    const states = (this.#loops.get(source) ?? []).map((loop) => loop.state);
    const isThere = ({ cursor: at }: ReplicatorState): boolean =>
      at !== null && (at.stream === cursor.stream || at.stream === stream) && cursor.position <= at.position;
    return new Set(states.filter(isThere).map(({ url }) => url));
  }

  /** Ends all loops at once; what is in flight is aborted, which harms nothing. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#loops.values()].flat().map((loop) => loop.stop()));
  }

  /** A source that begins a new stream counts on, so the same place in the new stream is waited for then. */
  async #reach(
    loop: Replicator,
    source: Source,
    { cursor, signal }: { readonly cursor: Cursor; readonly signal: AbortSignal },
  ): Promise<void> {
    for (let at = cursor; ; ) {
      try {
        return await loop.waitFor(at, signal);
      } catch (error) {
        const isOther = error instanceof EpsilonError && error.code === "cursor_mismatch";
        const stream = (await source.end())?.stream;
        if (!isOther || stream === undefined || stream === at.stream) throw error;
        at = { ...at, stream };
      }
    }
  }

  async #notEnough(source: Source, wanted: Acknowledgement, cause: unknown): Promise<EpsilonError> {
    const end = await source.end();
    const stragglers = (this.#loops.get(source) ?? []).map((loop): Straggler => {
      const { url, cursor, lastError } = loop.state;
      return { url, cursor, lag: lagOf(cursor, end), error: lastError?.message ?? null };
    });
    const said = stragglers.map(({ url, lag, error }) => `${url}: ${error ?? `${lag ?? "?"} behind`}`);
    return new EpsilonError(
      "not_acknowledged",
      `not yet on ${wanted} of the instances (${said.join("; ")}); it is kept, and will be sent`,
      { details: { instances: stragglers }, cause },
    );
  }

  #report(loop: Replicator, error: unknown): void {
    const { url, source, collection } = loop.state;
    const message = error instanceof Error ? error.message : String(error);
    this.#env.report({
      level: "error",
      event: "replication_ended",
      details: { url, source, collection, message },
    });
  }
}
