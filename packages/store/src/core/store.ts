/**
 * One instance: prepare, log, apply, answer. The same core over both kinds of tables.
 *
 *   body -> prepare -> log (fdatasync) -> ledger, answer `durable` -> apply -> answer `applied`
 *
 * Between awaits the core holds no half-made state: a frame is appended in one synchronous step, and everything that
 * follows from it hangs on its `durable` promise, in the order of the log.
 */

import type { Env } from "@epsilon/env";
import { discardLog, type Log, openLog } from "@epsilon/log";
import {
  EpsilonError,
  type EventKey,
  formatTimestamp,
  formatUuid,
  parseCollectionName,
} from "@epsilon/model";
import type { Answer, Filter, Query } from "@epsilon/query";
import type { Comparing } from "../comparing.ts";
import type {
  CheckReport,
  CollectionInfo,
  EventStore,
  FieldInfo,
  InstanceIdentity,
  ReadOptions,
  Scan,
  ScanRequest,
  SourceInfo,
  StoreStatistics,
  TailEvent,
  WriteAnswer,
  WriteRequest,
} from "../event-store.ts";
import { noSnapshots } from "../snapshots/none.ts";
import type { SnapshotOptions } from "../snapshots/options.ts";
import { Snapshotter } from "../snapshots/snapshotter.ts";
import type { Snapshots } from "../snapshots.ts";
import { ApplyLoop } from "./apply-loop.ts";
import { Backpressure } from "./backpressure.ts";
import { comparingOver } from "./comparing.ts";
import { withDeadline } from "./deadline.ts";
import { type LoggedFrame, parseHeader } from "./frames.ts";
import { Idle } from "./idle.ts";
import { Ledger, withSnapshotted } from "./ledger.ts";
import { NewKeys } from "./new-keys.ts";
import { Purger, type Retention, retentionFor } from "./retention.ts";
import type { StoreLimits } from "./store-limits.ts";
import type { Tables } from "./tables.ts";
import { tailChanges } from "./tail.ts";
import { Writer } from "./writer.ts";

/** What every kind of store needs. */
export interface StoreOptions {
  /** Folder of the log. */
  readonly logDirectory: string;
  readonly retention: Retention;
  readonly limits: StoreLimits;
  /** A person says that the clock is right although it jumped. */
  readonly clockConfirmed: boolean;
  readonly snapshots: SnapshotOptions;
  /** Called once if a durable write or an apply failed for good: the process has to end and recover. */
  readonly onFailure: (error: EpsilonError) => void;
}

/** Opens the log over tables, replays what they lack, and starts the loops. */
export async function openStore(env: Env, tables: Tables, options: StoreOptions): Promise<EventStore> {
  const log = await openLog(env, {
    directory: options.logDirectory,
    fileBytesMax: options.limits.logFileBytesMax,
    firstOffset: tables.state.appliedOffset,
  });
  const applied = tables.state.appliedOffset;
  if (log.startOffset > applied || log.endOffset < applied) {
    await log.close();
    throw new EpsilonError(
      "log_damaged",
      `the tables are applied up to ${applied}, but the log holds ${log.startOffset} to ${log.endOffset}: ` +
        "the folder was put together from different times; restore it as a whole",
      { details: { directory: options.logDirectory, applied, start: log.startOffset, end: log.endOffset } },
    );
  }
  const store = new Store(env, tables, log, options);
  await store.replay();
  return store;
}

class Store implements EventStore {
  readonly identity: InstanceIdentity;
  readonly comparing: Comparing;
  snapshots: Snapshots = noSnapshots();
  readonly #env: Env;
  readonly #tables: Tables;
  readonly #log: Log;
  readonly #options: StoreOptions;
  readonly #ledger = new Ledger();
  readonly #loop: ApplyLoop;
  readonly #pressure: Backpressure;
  readonly #newKeys: NewKeys;
  readonly #purger: Purger;
  readonly #idle: Idle;
  readonly #writer: Writer;
  readonly #closing = new AbortController();
  readonly #tails = new Set<() => void>();
  #closed: Promise<void> | null = null;
  #failure: EpsilonError | null = null;
  #snapshotter: Snapshotter | null = null;

  constructor(env: Env, tables: Tables, log: Log, options: StoreOptions) {
    this.#env = env;
    this.#tables = tables;
    this.#log = log;
    this.#options = options;
    const { state } = tables;
    this.identity = {
      id: state.instanceId,
      incarnation: formatUuid(env.random.bytes(16)).slice(0, 8),
      startedAtMicros: env.clock.nowMicros(),
      restoredFrom: state.restoredFrom,
    };
    for (const collection of state.collections) this.#ledger.addCollection(collection);
    for (const horizon of state.horizons)
      this.#ledger.raiseHorizon(horizon.collection, horizon.horizonMicros);
    for (const cursor of state.cursors) this.#ledger.advance(cursor.collection, cursor, 0);
    this.#pressure = new Backpressure(env.clock, {
      waitingBytesMax: options.limits.waitingBytesMax,
      waitMs: options.limits.overloadWaitMs,
    });
    this.#loop = new ApplyLoop(env, tables, {
      limits: options.limits,
      appliedOffset: state.appliedOffset,
      onApplied: (frames) => this.#onApplied(frames),
    });
    this.comparing = comparingOver(env.clock, tables, {
      knows: (collection) => this.#ledger.hasCollection(collection),
      catchUp: () => this.#catchUp(),
    });
    this.#newKeys = new NewKeys(state);
    this.#idle = new Idle(env.clock, {
      afterMs: options.limits.restAfterMs,
      work: () => tables.rest().catch((error: unknown) => this.#failed(error)),
    });
    this.#writer = new Writer(env, {
      log,
      ledger: this.#ledger,
      loop: this.#loop,
      pressure: this.#pressure,
      newKeys: this.#newKeys,
      assertOpen: () => this.#assertOpen(),
      failed: (error) => this.#failed(error),
    });
    this.#purger = new Purger(env, {
      retention: options.retention,
      everyMs: options.limits.purgeEveryMs,
      clockConfirmed: options.clockConfirmed,
      lastClockMicros: state.clockMicros,
      collections: () => this.#ledger.collections(),
      horizonMicros: (collection) => this.#ledger.horizonMicros(collection),
      raise: (collection, micros) => this.#writer.raiseHorizon(collection, micros),
      remember: (micros) => tables.rememberClock(micros),
      failed: (error) => this.#failed(error),
    });
  }

  /** Feeds the loop with what was logged and not applied, and starts. */
  async replay(): Promise<void> {
    for await (const { start, end, header, payload } of this.#log.read(this.#tables.state.appliedOffset)) {
      const frame = { start, end, header: parseHeader(header), payload };
      this.#pressure.add(payload.length);
      this.#writer.takeDurable(frame, null);
      if (this.#pressure.isFull) await this.#loop.waitFor(end);
    }
    await this.#openSnapshots();
    await this.#purger.start(this.#closing.signal);
  }

  async #openSnapshots(): Promise<void> {
    const tables = this.#tables.snapshots;
    if (tables === null) return;
    this.#snapshotter = await Snapshotter.open(this.#env, {
      ...this.#options.snapshots,
      tables,
      catchUp: () => this.#catchUp(),
      identity: this.identity,
      durableCursors: () => this.#ledger.cursors(),
      onSnapshotted: (cursors) => this.#ledger.setSnapshotted(cursors),
      signal: this.#closing.signal,
      failed: (error) => this.#failed(error),
    });
    this.snapshots = this.#snapshotter;
  }

  write(request: WriteRequest): Promise<WriteAnswer> {
    return this.#writer.write(request);
  }

  async #onApplied(frames: readonly LoggedFrame[]): Promise<void> {
    for (const frame of frames) this.#pressure.remove(frame.payload.length);
    this.#newKeys.applied(this.#loop.appliedOffset);
    if (this.#tables.durable) await this.#log.trim(this.#loop.appliedOffset);
    for (const wake of this.#tails) wake();
    this.#idle.stir();
  }

  #failed(error: unknown): void {
    if (this.#closed !== null || this.#failure !== null) return;
    this.#failure =
      error instanceof EpsilonError
        ? error
        : new EpsilonError("store_failed", "the store failed", { cause: error });
    this.#options.onFailure(this.#failure);
  }

  async deleteKeys(collection: string, keys: readonly EventKey[]): Promise<number> {
    this.#mustKnow(collection);
    if (keys.length === 0) return 0;
    const lines = keys.map(
      (key) => `{"_deleted":true,"_id":"${key.id}","_ts":"${formatTimestamp(key.tsMicros)}"}\n`,
    );
    const body = new TextEncoder().encode(lines.join(""));
    const answer = await this.write({ collection, body, wait: "applied", appendOnly: false });
    return answer.stored ?? 0;
  }

  async deleteWhere(collection: string, filters: readonly Filter[], options: ReadOptions): Promise<number> {
    this.#mustKnow(collection);
    await this.#barrier();
    let deleted = 0;
    return withDeadline(this.#env.clock, options, async (bounded) => {
      for await (const keys of this.#tables.matchingKeys(collection, filters, bounded)) {
        deleted += await this.deleteKeys(collection, keys);
      }
      return deleted;
    });
  }

  async dropCollection(collection: string): Promise<void> {
    this.#mustKnow(collection);
    await this.#writer.remove({ kind: "drop", collection });
    this.#snapshotter?.forget(collection);
  }

  async forgetSource(collection: string, source: string): Promise<void> {
    const known = await this.sources(collection, source);
    if (known.length === 0) {
      throw new EpsilonError("unknown_source", `${collection} has no source ${source}`);
    }
    await this.#writer.remove({ kind: "forget", collection, source });
  }

  async collections(): Promise<readonly CollectionInfo[]> {
    await this.#barrier();
    const found = await this.#tables.collections();
    return found.map((info) => ({ ...info, retentionMs: retentionFor(this.#options.retention, info.name) }));
  }

  async fields(collection: string): Promise<readonly FieldInfo[]> {
    this.#mustKnow(collection);
    await this.#barrier();
    return this.#tables.fields(collection);
  }

  async sources(collection: string, source?: string): Promise<readonly SourceInfo[]> {
    this.#assertOpen();
    await this.#barrier();
    const found = await this.#tables.sources(collection, source);
    return found.map((info) => withSnapshotted(this.#ledger, collection, info));
  }

  async query(collection: string, query: Query, options: ReadOptions): Promise<Answer> {
    this.#mustKnow(collection);
    const complete = await this.#barrier();
    const answer = await withDeadline(this.#env.clock, options, (bounded) =>
      this.#tables.query(collection, query, bounded),
    );
    if (complete) return answer;
    const message = "the newest events are durable but cannot be queried yet: the disk is full";
    return { ...answer, notes: [...answer.notes, { code: "may_be_incomplete", message }] };
  }

  async scan(request: ScanRequest, options: ReadOptions): Promise<Scan> {
    this.#mustKnow(request.collection);
    await this.#barrier();
    return this.#tables.scan(request, options);
  }

  tail(
    collection: string,
    request: { readonly filters: readonly Filter[]; readonly after?: string; readonly signal: AbortSignal },
  ): AsyncIterable<TailEvent> {
    this.#mustKnow(collection);
    return tailChanges(this.#tables, {
      collection,
      filters: request.filters,
      ...(request.after === undefined ? {} : { after: request.after }),
      signal: AbortSignal.any([request.signal, this.#closing.signal]),
      onApplied: (wake) => {
        this.#tails.add(wake);
        return () => this.#tails.delete(wake);
      },
      barrier: () => this.#barrier(),
    });
  }

  async conflicts(collection: string): ReturnType<EventStore["conflicts"]> {
    this.#mustKnow(collection);
    await this.#barrier();
    return this.#tables.conflicts(collection);
  }

  async check(options: ReadOptions): Promise<CheckReport> {
    this.#assertOpen();
    await this.#barrier();
    // Reading the log verifies every frame in it; one that does not verify rejects with its place.
    let frames = 0;
    for await (const frame of this.#log.read(this.#log.startOffset))
      frames += frame.end > frame.start ? 1 : 0;
    const report = await this.#tables.check(options);
    return { ...report, logFrames: frames };
  }

  statistics(): StoreStatistics {
    const figures = this.#tables.figures();
    const { totals } = this.#writer;
    return {
      logBytes: this.#log.sizeBytes,
      waitingBytes: this.#pressure.waitingBytes,
      waitingEvents: this.#loop.waitingEvents,
      appliedGroups: this.#loop.groups,
      receivedEvents: totals.received,
      storedEvents: totals.stored,
      duplicateEvents: totals.duplicates,
      rejectedEvents: totals.rejected,
      conflictEvents: totals.conflicts,
      setAsideEvents: figures.setAside,
      lastApplyMs: this.#loop.lastGroupMs,
      runningQueries: figures.runningQueries,
      databaseBytes: figures.bytes,
      purgingStopped: this.#purger.stopped,
    };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort(new EpsilonError("closed", "the store is closing"));
    await this.#purger.finished;
    await this.#snapshotter?.close();
    await this.#log.close();
    await this.#loop.drain();
    this.#idle.stop();
    await this.#tables.close();
    const isApplied = this.#tables.durable && this.#loop.appliedOffset === this.#log.endOffset;
    if (isApplied && this.#failure === null) await discardLog(this.#env, this.#options.logDirectory);
  }

  /** Reads see what was acknowledged before they were asked. False if the tables cannot catch up now. */
  async #barrier(): Promise<boolean> {
    this.#assertOpen();
    if (this.#loop.stalled !== null) return false;
    await this.#loop.waitFor(this.#log.durableOffset);
    return true;
  }

  async #catchUp(): Promise<void> {
    if (!(await this.#barrier())) throw this.#loop.stalled;
  }

  #assertOpen(): void {
    if (this.#closed !== null)
      throw new EpsilonError("closed", "the store is closing; ask again when it is back");
    const failure = this.#loop.failure ?? this.#log.failure;
    if (failure !== null && failure !== undefined) throw failure;
  }

  #mustKnow(collection: string): void {
    this.#assertOpen();
    parseCollectionName(collection);
    if (this.#ledger.hasCollection(collection)) return;
    throw new EpsilonError("unknown_collection", `no event was ever written to "${collection}"`);
  }
}
