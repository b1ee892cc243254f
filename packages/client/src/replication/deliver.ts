/** A source that ends, to all instances, until enough of them have it: what `push` does with a file. */

import type { Env } from "@epsilon/env";
import { type Cursor, EpsilonError } from "@epsilon/model";
import { createHttpClient } from "../http/http-client.ts";
import { totalsOf } from "../loop/link.ts";
import type { OnRejected } from "../loop/sender.ts";
import type { ReplicatorState, SourceTotals } from "../loop/state.ts";
import type { FiniteSource } from "../sources/source.ts";
import type { Acknowledgement } from "./acknowledgement.ts";
import { type InstanceAddress, Replication } from "./replication.ts";
import { untilStalled } from "./until-stalled.ts";

export interface DeliverOptions {
  readonly instances: readonly InstanceAddress[];
  readonly acknowledgement: Acknowledgement;
  /** How long nothing may move on any instance before it is given up, milliseconds. */
  readonly timeoutMs: number;
  readonly onRejected: OnRejected;
  /** Told several times a second how far each instance is. */
  readonly onProgress?: (states: readonly ReplicatorState[]) => void;
  readonly signal?: AbortSignal | undefined;
}

/** How it went on an instance. */
export interface Delivered {
  readonly url: string;
  readonly instanceId: string | null;
  /** Whether it durably has all of the source. */
  readonly isThere: boolean;
  /** What it counted of the source meanwhile; null where it could not be asked. */
  readonly counts: SourceTotals | null;
  readonly state: ReplicatorState;
}

/**
 * Delivers a source. Rejects with what reading it rejects with, with an instance's refusal that no repetition helps
 * against (if too few are left), with `not_acknowledged` when nothing moved for too long, or with the signal's reason.
 */
export async function deliver(
  env: Env,
  source: FiniteSource,
  options: DeliverOptions,
): Promise<readonly Delivered[]> {
  const { instances, acknowledgement, onRejected, signal } = options;
  const replication = new Replication(env, { instances, onRejected });
  const over = new AbortController();
  const stop = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
  replication.add(source);
  try {
    const ended = source.finished().then(async (cursor) => {
      if (cursor !== null) await replication.waitFor(source, { cursor, acknowledgement }, stop);
      return cursor;
    });
    // Whichever comes first is told; the other one is not unhandled.
    ended.catch(() => undefined);
    const stalled = untilStalled(env, {
      ...options,
      states: () => replication.states,
      readSoFar: () => source.bytesRead,
      signal: stop,
    });
    const cursor = await Promise.race([ended, stalled]);
    options.onProgress?.(replication.states);
    return await Promise.all(
      replication.states.map((state) => countsOf(env, { source, cursor, state, options })),
    );
  } finally {
    over.abort(new EpsilonError("closed", "the delivery has ended"));
    await replication.stop();
  }
}

async function countsOf(
  env: Env,
  {
    source,
    cursor,
    state,
    options,
  }: {
    readonly source: FiniteSource;
    readonly cursor: Cursor | null;
    readonly state: ReplicatorState;
    readonly options: DeliverOptions;
  },
): Promise<Delivered> {
  const { url, instanceId, totalsBefore } = state;
  const isThere =
    cursor === null ||
    (state.cursor?.stream === cursor.stream &&
      cursor.position <= state.cursor.position &&
      totalsBefore !== null);
  const token = options.instances.find((one) => one.url === url)?.token;
  const client = createHttpClient(env, { url, token });
  const answers =
    totalsBefore === null ? null : await client.sources(source.collection, source.name).catch(notThere);
  const totals = answers === null ? null : totalsOf(answers.find((one) => one.source === source.name));
  const counts = totals === null || totalsBefore === null ? null : difference(totals, totalsBefore);
  return { url, instanceId, isThere, counts, state };
}

/** It went away since, or has nothing of the source. */
function notThere(error: unknown): [] | null {
  if (!(error instanceof EpsilonError)) throw error;
  return error.code === "unknown_collection" || error.code === "unknown_source" ? [] : null;
}

function difference(now: SourceTotals, before: SourceTotals): SourceTotals {
  return {
    received: now.received - before.received,
    stored: now.stored - before.stored,
    duplicates: now.duplicates - before.duplicates,
    rejected: now.rejected - before.rejected,
    conflicts: now.conflicts - before.conflicts,
  };
}
