/**
 * The tail: changes in the order of commits, resumable by id, at least once.
 *
 * An id is `<database>-<sequence>-<ts>-<uuid>`: after this row of this commit. An id of another life of the data (the
 * instance was restored) cannot be placed by its sequence; the tail then starts again from the id's time.
 */

import { EpsilonError, formatTimestamp, parseUuid } from "@epsilon/model";
import type { Filter } from "@epsilon/query";
import type { TailEvent } from "../event-store.ts";
import type { Change, ChangePosition, Tables } from "./tables.ts";

export interface TailOptions {
  readonly collection: string;
  readonly filters: readonly Filter[];
  readonly after?: string;
  readonly signal: AbortSignal;
  /** Registers a wake-up after each applied group; gives back how to leave. */
  readonly onApplied: (wake: () => void) => () => void;
  readonly barrier: () => Promise<boolean>;
}

const batchEvents = 1000;
const nilId = "00000000-0000-0000-0000-000000000000";
const beginningMicros = -(2n ** 62n);

/** Yields changes until the signal is aborted. Throws `bad_request` if `after` is not an id of a tail. */
export async function* tailChanges(tables: Tables, options: TailOptions): AsyncGenerator<TailEvent> {
  let applied = deferred();
  const leave = options.onApplied(() => applied.resolve());
  const aborted = new Promise<void>((resolve) => {
    if (options.signal.aborted) resolve();
    else options.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  try {
    await options.barrier();
    const { start, filters } = startOf(tables, options);
    let position = start;
    while (!options.signal.aborted) {
      applied = deferred();
      const changes = await tables.changes(options.collection, {
        after: position,
        filters,
        limit: batchEvents,
        signal: options.signal,
      });
      for (const change of changes) {
        if (options.signal.aborted) return;
        position = change;
        yield { id: tailId(tables, change), json: change.json };
      }
      if (changes.length < batchEvents) await Promise.race([applied.promise, aborted]);
    }
  } finally {
    leave();
  }
}

interface Start {
  readonly start: ChangePosition;
  readonly filters: readonly Filter[];
}

function startOf(tables: Tables, { after, filters }: TailOptions): Start {
  if (after === undefined) {
    return { start: { sequence: tables.sequence + 1, tsMicros: beginningMicros, id: nilId }, filters };
  }
  const match = /^([0-9a-f]{8})-(\d{1,15})-(-?\d{1,18})-([0-9a-f-]{36})$/.exec(after);
  const [, database, sequence, ts, id] = match ?? [];
  const found = database !== undefined && sequence !== undefined && ts !== undefined && id !== undefined;
  if (!found || parseUuid(id) === undefined) {
    throw new EpsilonError(
      "bad_request",
      `"${after}" is not the id of an event of a tail; leave it out to start now`,
    );
  }
  const tsMicros = BigInt(ts);
  if (database === tables.state.databaseId)
    return { start: { sequence: Number(sequence), tsMicros, id }, filters };
  const since: Filter = { kind: "compare", field: "_ts", op: ">=", value: formatTimestamp(tsMicros) };
  return { start: { sequence: 0, tsMicros: beginningMicros, id: nilId }, filters: [...filters, since] };
}

function tailId(tables: Tables, change: Change): string {
  return `${tables.state.databaseId}-${change.sequence}-${change.tsMicros}-${change.id}`;
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
