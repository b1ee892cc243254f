/**
 * The snapshots of one instance: making them one at a time, keeping the books, telling sources what is safe.
 *
 * A snapshot is `good` when its manifest and every file that it names were seen at the destination. Sources are told the
 * cursors of the last good one but one, so that a snapshot that turns out bad costs nothing; the word may go back.
 */

import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import type { Objects } from "@epsilon/objects";
import type { SnapshotInfo, SnapshotStatistics, Snapshots } from "../snapshots.ts";
import { chooseBase, cursorsOf, describe, isPresent, sizesAt } from "./contents.ts";
import { clearFolder } from "./files.ts";
import { keptIds, kindAt, type SnapshotKind } from "./keeping.ts";
import { assertArrived, makeSnapshot } from "./make.ts";
import { type Manifest, manifestName, parseManifest } from "./manifest.ts";
import { newRecord } from "./new-record.ts";
import type { SnapshotterParts } from "./options.ts";
import { keepSchedule } from "./schedule.ts";
import type { SnapshotRecord } from "./snapshot-tables.ts";
import { sweep } from "./sweep.ts";
import { verifyManifest } from "./verify.ts";

/** Failed ones that stay in the list. */
const failedKept = 10;

export class Snapshotter implements Snapshots {
  readonly #env: Env;
  readonly #parts: SnapshotterParts;
  /** By id, in the order in which they were made. */
  readonly #records = new Map<string, SnapshotRecord>();
  /** The commit at which a collection was last dropped. */
  readonly #drops: Map<string, number>;
  #running: Promise<void> | null = null;
  #schedule: Promise<void> = Promise.resolve();
  #failures = 0;
  #lastError: string | null = null;

  private constructor(env: Env, parts: SnapshotterParts, drops: ReadonlyMap<string, number>) {
    this.#env = env;
    this.#parts = parts;
    this.#drops = new Map(drops);
  }

  /** Reads the books; what was being made when the instance stopped has failed. */
  static async open(env: Env, parts: SnapshotterParts): Promise<Snapshotter> {
    const { records, drops } = await parts.tables.readBooks();
    const snapshotter = new Snapshotter(env, parts, drops);
    for (const record of records) {
      snapshotter.#records.set(record.info.id, record);
      if (record.info.state !== "running") continue;
      await snapshotter.#change(record, {
        state: "failed",
        error: "the instance stopped while it was being made",
      });
    }
    snapshotter.#tell();
    snapshotter.#begin();
    return snapshotter;
  }

  #begin(): void {
    const { objects, everyMs, signal, failed } = this.#parts;
    if (objects === null || everyMs === null) return;
    this.#schedule = keepSchedule(this.#env, this, { everyMs, signal }).catch((error: unknown) => {
      if (!signal.aborted) failed(error);
    });
  }

  /** A collection was dropped: what snapshots hold of it is of an earlier life. */
  forget(collection: string): void {
    this.#drops.set(collection, Number.POSITIVE_INFINITY);
    this.#tell();
  }

  get destination(): string | null {
    return this.#parts.objects?.url ?? null;
  }

  get everyMs(): number | null {
    return this.#parts.everyMs;
  }

  list(): readonly SnapshotInfo[] {
    return this.#newestFirst().map(({ info }) => info);
  }

  get(id: string): SnapshotInfo {
    return this.#find(id).info;
  }

  async create({ external }: { readonly external: boolean }): Promise<SnapshotInfo> {
    this.#assertIdle();
    const createdAtMicros = this.#env.clock.nowMicros();
    const kind = external ? "external" : kindAt(createdAtMicros, this.#dated());
    const objects = external ? null : this.#objects();
    const record = newRecord(
      { kind, createdAtMicros, destination: objects?.url ?? null },
      {
        incarnation: this.#parts.identity.incarnation,
        records: [...this.#records.values()],
        cursors: external ? this.#parts.durableCursors() : [],
      },
    );
    await this.#save(record);
    if (objects !== null && kind !== "external") {
      this.#running = this.#make(record, kind, objects).finally(() => {
        this.#running = null;
      });
    }
    return record.info;
  }

  async finished(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async remove(id: string): Promise<void> {
    this.#assertIdle();
    await this.#exclusively(() => this.#takeAway([this.#find(id)]));
  }

  async confirm(id: string): Promise<SnapshotInfo> {
    const record = this.#find(id);
    if (record.info.state === "good") return record.info;
    if (record.info.state !== "marked") {
      throw new EpsilonError(
        "bad_request",
        `${id} is ${record.info.state}: only a provider's image is confirmed`,
      );
    }
    const changed = await this.#change(record, {
      state: "good",
      finishedAtMicros: this.#env.clock.nowMicros(),
    });
    this.#tell();
    return changed.info;
  }

  async verify(
    id: string,
    options: { readonly deep: boolean; readonly signal?: AbortSignal },
  ): Promise<SnapshotInfo> {
    const record = this.#find(id);
    if (record.manifest === null) {
      throw new EpsilonError("bad_request", `${id} has nothing at a destination that could be read back`);
    }
    const closing = this.#parts.signal;
    const signal = options.signal === undefined ? closing : AbortSignal.any([closing, options.signal]);
    const manifest = parseManifest(record.manifest, id);
    const scratch = `${this.#parts.scratch}/verify`;
    const objects = this.#objects();
    const { findings } = await verifyManifest(this.#env, {
      objects,
      manifest,
      scratch,
      deep: options.deep,
      signal,
    });
    const [first] = findings;
    const changed = await this.#change(this.#find(id), {
      state: first === undefined ? "good" : "bad",
      error: first ?? null,
      verifiedAtMicros: this.#env.clock.nowMicros(),
    });
    this.#tell();
    return changed.info;
  }

  async prune(): Promise<readonly string[]> {
    this.#objects();
    this.#assertIdle();
    return this.#exclusively(() => this.#prune());
  }

  statistics(): SnapshotStatistics {
    const good = this.#newestFirst().filter(({ info }) => info.state === "good");
    const last = good.find(({ info }) => info.destination !== null)?.info;
    const spentMicros = last === undefined ? 0n : (last.finishedAtMicros ?? 0n) - last.createdAtMicros;
    return {
      lastGoodMicros: good[0]?.info.createdAtMicros ?? null,
      lastBytesWritten: last?.bytesWritten ?? 0,
      lastSeconds: Number(spentMicros) / 1_000_000,
      kept: good.length,
      failures: this.#failures,
      lastError: this.#lastError,
    };
  }

  /** Settles when what was being made has stopped, after the signal. */
  async close(): Promise<void> {
    await this.#schedule;
    await this.finished();
  }

  async #make(record: SnapshotRecord, kind: SnapshotKind, objects: Objects): Promise<void> {
    const { signal } = this.#parts;
    try {
      const { tables, identity, scratch } = this.#parts;
      await this.#parts.catchUp();
      const books = await tables.readBooks();
      for (const [collection, sequence] of books.drops) this.#drops.set(collection, sequence);
      const present = await sizesAt(objects, identity.id, signal);
      const base = chooseBase(this.#newestFirst(), { kind, destination: objects.url, present });
      const made = await makeSnapshot(this.#env, {
        tables,
        objects,
        scratch,
        instance: identity.id,
        incarnation: record.incarnation,
        number: record.number,
        kind,
        createdAtMicros: record.info.createdAtMicros,
        base: base?.manifest ?? null,
        isDroppedSince: (name) => (books.drops.get(name) ?? -1) > (base?.sequence ?? 0),
        pieces: books.pieces.filter((piece) => isPresent(piece, { objects, identity, present })),
        rowsMax: this.#parts.rowsPerFile,
        signal,
      });
      await assertArrived(objects, made, signal);
      await this.#change(record, {
        state: "good",
        finishedAtMicros: this.#env.clock.nowMicros(),
        base: made.manifest.base,
        bytesWritten: made.bytesWritten,
        ...describe(made.manifest),
        made: { manifest: made.manifest, encoded: made.encoded },
      });
      await tables.clearPieces();
      this.#lastError = null;
      this.#tell();
    } catch (error) {
      await this.#fail(record, error);
      return;
    }
    try {
      await this.#prune();
    } catch (error) {
      // The snapshot is good all the same; the next one's pruning takes what this one left.
      this.#report("snapshot_prune_failed", error);
    }
  }

  async #fail(record: SnapshotRecord, error: unknown): Promise<void> {
    const message = error instanceof Error ? error.message : String(error);
    const isClosing = this.#parts.signal.aborted;
    if (!isClosing) {
      this.#failures += 1;
      this.#lastError = message;
      this.#report("snapshot_failed", error);
    }
    try {
      await clearFolder(this.#env.files, this.#parts.scratch);
      await this.#change(record, {
        state: "failed",
        error: message,
        finishedAtMicros: this.#env.clock.nowMicros(),
      });
    } catch (unsaved) {
      // The books say `running`, which the next start reads as failed.
      if (!isClosing) this.#report("snapshot_books_failed", unsaved);
    }
  }

  async #prune(): Promise<readonly string[]> {
    const kept = keptIds(this.#dated(), this.#parts.keeping);
    const here = this.#newestFirst().filter(({ info }) => info.destination === this.destination);
    const old = here.filter(({ info }) => info.state === "good" && !kept.has(info.id));
    const failed = here.filter(({ info }) => info.state === "failed").slice(failedKept);
    // What a failed one left is taken away by the first good one after it.
    const [last, before] = here.filter(({ info }) => info.state !== "running");
    const isClean = last?.info.state === "good" && before?.info.state !== "failed";
    if (old.length > 0 || failed.length > 0 || !isClean) await this.#takeAway([...old, ...failed]);
    return old.map(({ info }) => info.id);
  }

  /** Takes manifests away first: a snapshot whose manifest is gone is none, whatever becomes of its files. */
  async #takeAway(records: readonly SnapshotRecord[]): Promise<void> {
    const { tables, objects, identity } = this.#parts;
    for (const { info, incarnation, number } of records) {
      if (objects !== null && info.destination === objects.url)
        await objects.remove(
          manifestName({ instance: identity.id, incarnation, number }),
          this.#parts.signal,
        );
      await tables.removeRecord(info.id);
      this.#records.delete(info.id);
    }
    this.#tell();
    if (objects === null) return;
    const books = await tables.readBooks();
    const ours = new Set([identity.incarnation, ...books.records.map((record) => record.incarnation)]);
    for (const { incarnation } of records) ours.add(incarnation);
    await sweep(objects, {
      instance: identity.id,
      incarnations: ours,
      needed: books.pieces.map(({ segment }) => `${identity.id}/${segment.file}`),
      signal: this.#parts.signal,
    });
  }

  /** Runs what must not run beside the making of a snapshot. */
  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = work();
    this.#running = done.then(
      () => {},
      () => {},
    );
    try {
      return await done;
    } finally {
      this.#running = null;
    }
  }

  /** Sources are told the cursors of the last good one but one. */
  #tell(): void {
    const good = this.#newestFirst().filter(({ info }) => info.state === "good");
    const { cursors = [], sequence = null } = good[1] ?? {};
    this.#parts.onSnapshotted(
      cursors.filter(({ collection }) => (this.#drops.get(collection) ?? -1) <= (sequence ?? 0)),
    );
  }

  async #change(
    record: SnapshotRecord,
    change: Partial<SnapshotInfo> & {
      readonly made?: { readonly manifest: Manifest; readonly encoded: Uint8Array };
    },
  ): Promise<SnapshotRecord> {
    const { made, ...info } = change;
    const changed: SnapshotRecord = {
      ...record,
      info: { ...record.info, ...info },
      ...(made === undefined
        ? {}
        : { manifest: made.encoded, sequence: made.manifest.sequence, cursors: cursorsOf(made.manifest) }),
    };
    await this.#save(changed);
    return changed;
  }

  async #save(record: SnapshotRecord): Promise<void> {
    await this.#parts.tables.saveRecord(record);
    this.#records.set(record.info.id, record);
  }

  #dated(): readonly {
    readonly id: string;
    readonly kind: SnapshotKind;
    readonly createdAtMicros: bigint;
  }[] {
    return [...this.#records.values()].flatMap(
      ({ info: { id, kind, createdAtMicros, state, destination } }) =>
        state === "good" && kind !== "external" && destination === this.destination
          ? [{ id, kind, createdAtMicros }]
          : [],
    );
  }

  #newestFirst(): readonly SnapshotRecord[] {
    return [...this.#records.values()].sort((a, b) => b.ordinal - a.ordinal);
  }

  #find(id: string): SnapshotRecord {
    const found = this.#records.get(id);
    if (found !== undefined) return found;
    throw new EpsilonError("unknown_snapshot", `there is no snapshot ${JSON.stringify(id.slice(0, 100))}`);
  }

  #objects(): Objects {
    const { objects } = this.#parts;
    if (objects !== null) return objects;
    throw new EpsilonError(
      "no_destination",
      "this instance makes no snapshots: start it with --snapshot-to DIR or --snapshot-to s3://bucket/prefix",
    );
  }

  #assertIdle(): void {
    if (this.#parts.signal.aborted) throw new EpsilonError("closed", "the instance is closing");
    if (this.#running === null) return;
    throw new EpsilonError("snapshot_running", "a snapshot is being made: ask again when it is done");
  }

  #report(event: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#env.report({ level: "error", event, details: { message } });
  }
}
