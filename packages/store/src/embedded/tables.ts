/**
 * The embedded tables: DuckDB behind the core's `Tables`. This file only puts the parts together; each part has its
 * own: `applier` writes, `reads` answers, `catalog` knows what is committed, `database` is the door to DuckDB.
 */

import type { Env, FileHandle } from "@epsilon/env";
import { EpsilonError, type EventKey } from "@epsilon/model";
import { type Answer, type Filter, type Query, quoteString } from "@epsilon/query";
import type { DigestPart, DigestRequest, KeyRange } from "../comparing.ts";
import type { LoggedFrame } from "../core/frames.ts";
import type { Change, ChangePosition, FrameOutcome, Tables, TablesState } from "../core/tables.ts";
import type {
  CheckReport,
  CollectionInfo,
  FieldInfo,
  ReadOptions,
  Scan,
  ScanChunk,
  ScanRequest,
  SourceInfo,
} from "../event-store.ts";
import type { SnapshotTables } from "../snapshots/snapshot-tables.ts";
import { Applier } from "./applier.ts";
import { Catalog } from "./catalog.ts";
import { checkTables } from "./check.ts";
import { readCovered } from "./covered.ts";
import { Database, type DatabaseOptions } from "./database.ts";
import { readByKeys, readDigests, readKeys } from "./digests.ts";
import { eventsTable } from "./load-sql.ts";
import { Loader } from "./loader.ts";
import { Reads } from "./reads.ts";
import { loadState, openSchema, setMetaSql } from "./schema.ts";
import { snapshotTables } from "./snapshot-tables.ts";
import { readConflicts, readSources } from "./sources.ts";

/** From so many deleted rows, and such a share of all, on, a clean stop writes the tables anew without them. */
const deadRowsMax = 100_000;
const deadShareMax = 0.25;

/** Less than this, as load lines, is not worth a checkpoint of its own. */
const restBytesMin = 8_000_000;

export interface EmbeddedTablesOptions {
  readonly database: DatabaseOptions;
  /** The file that groups are loaded from. */
  readonly scratchPath: string;
}

/** Opens the database, making it if it is new. Throws what `Database.open` throws, and `data_from_newer_version`. */
export async function openEmbeddedTables(env: Env, options: EmbeddedTablesOptions): Promise<Tables> {
  const database = await Database.open(env.clock, options.database);
  try {
    await openSchema(database, env.random);
    const stored = await loadState(database);
    const catalog = await Catalog.load(database, stored);
    const state = { ...stored, covered: await readCovered(database, catalog) };
    const scratch = await openScratch(env, options.scratchPath);
    const [aside] = await database.readInWriter("SELECT count(*) FROM epsilon.set_aside");
    const { scratchPath } = options;
    const setAside = Number(aside?.[0]);
    return new EmbeddedTables(env, { database, catalog, state, scratch, scratchPath, setAside });
  } catch (error) {
    database.close();
    throw error;
  }
}

async function openScratch(env: Env, path: string): Promise<FileHandle> {
  if (await env.files.exists(path)) await env.files.remove(path);
  return env.files.open(path, "create");
}

interface Parts {
  readonly database: Database;
  readonly catalog: Catalog;
  readonly state: TablesState;
  readonly scratch: FileHandle;
  readonly scratchPath: string;
  readonly setAside: number;
}

class EmbeddedTables implements Tables {
  readonly durable = true;
  readonly snapshots: SnapshotTables;
  readonly state: TablesState;
  readonly #env: Env;
  readonly #database: Database;
  readonly #catalog: Catalog;
  readonly #applier: Applier;
  readonly #reads: Reads;
  readonly #scratch: FileHandle;
  #closed = false;
  /** The writer does one thing at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(env: Env, { database, catalog, state, scratch, scratchPath, setAside }: Parts) {
    this.state = state;
    this.#env = env;
    this.#database = database;
    this.#catalog = catalog;
    this.#scratch = scratch;
    const loader = new Loader(database, { path: scratchPath, file: scratch });
    this.#applier = new Applier(env, database, { catalog, loader, setAside });
    this.#reads = new Reads(env, database, catalog);
    this.snapshots = snapshotTables(database, (work) => this.#inTurn(work));
  }

  get sequence(): number {
    return this.#catalog.sequence;
  }

  apply(frames: readonly LoggedFrame[]): Promise<readonly FrameOutcome[]> {
    return this.#inTurn(() => this.#applier.apply(frames));
  }

  rememberClock(micros: bigint): Promise<void> {
    return this.#inTurn(() => this.#database.write(setMetaSql("clock", String(micros))));
  }

  collections(): Promise<readonly Omit<CollectionInfo, "retentionMs">[]> {
    return this.#reads.collections();
  }

  fields(collection: string): Promise<readonly FieldInfo[]> {
    return this.#reads.fields(collection);
  }

  sources(collection: string, source?: string): Promise<readonly SourceInfo[]> {
    return readSources(this.#database, collection, source);
  }

  conflicts(collection: string): ReturnType<Tables["conflicts"]> {
    return readConflicts(this.#database, collection);
  }

  query(collection: string, query: Query, options: ReadOptions): Promise<Answer> {
    return this.#reads.query(collection, query, options);
  }

  scan(request: ScanRequest, options: ReadOptions): Promise<Scan> {
    return this.#reads.scan(request, options);
  }

  changes(
    collection: string,
    request: {
      readonly after: ChangePosition;
      readonly filters: readonly Filter[];
      readonly limit: number;
      readonly signal: AbortSignal;
    },
  ): Promise<readonly Change[]> {
    return this.#reads.changes(collection, request);
  }

  matchingKeys(
    collection: string,
    filters: readonly Filter[],
    options: ReadOptions,
  ): AsyncIterable<readonly EventKey[]> {
    return this.#reads.matchingKeys(collection, filters, options);
  }

  digests(
    collection: string,
    request: DigestRequest,
    options: ReadOptions,
  ): Promise<readonly (readonly DigestPart[])[]> {
    return readDigests(this.#database, { collection, request, options });
  }

  keys(collection: string, range: KeyRange, options: ReadOptions): AsyncIterable<ScanChunk> {
    const onDamage = this.#damageIn(collection);
    return readKeys(this.#database, this.#catalog, { collection, range, options, onDamage });
  }

  eventsOf(collection: string, keys: readonly EventKey[], options: ReadOptions): AsyncIterable<ScanChunk> {
    const onDamage = this.#damageIn(collection);
    return readByKeys(this.#database, this.#catalog, { collection, keys, options, onDamage });
  }

  #damageIn(collection: string): (key: EventKey) => void {
    return ({ tsMicros, id }) =>
      this.#env.report({
        level: "error",
        event: "row_damaged",
        details: { collection, tsMicros: String(tsMicros), id },
      });
  }

  /** Holds the writer still meanwhile, so that rows and digests are of one moment. */
  check(options: ReadOptions): Promise<Omit<CheckReport, "logFrames">> {
    return this.#inTurn(() => checkTables(this.#database, this.#catalog, options));
  }

  figures(): { readonly setAside: number; readonly runningQueries: number; readonly bytes: number } {
    return { setAside: this.#applier.setAsideCount, runningQueries: this.#database.runningReads, bytes: 0 };
  }

  /** What DuckDB's own log holds is neither compressed nor quick to open, and a query reads it as it is. */
  rest(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#closed || this.#applier.bytesSinceCheckpoint < restBytesMin) return;
      this.#applier.bytesSinceCheckpoint = 0;
      await this.#checkpoint({ compact: false });
    });
  }

  async #checkpoint(options: { readonly compact: boolean }): Promise<void> {
    try {
      await this.#database.checkpoint(options);
    } catch (error) {
      // A reader that still runs, or a full disk: a later one does it. What is committed is durable.
      if (!(error instanceof EpsilonError) || error.code === "store_failed") throw error;
    }
  }

  async close(): Promise<void> {
    await this.#inTurn(async () => {
      this.#closed = true;
      await this.#checkpoint({ compact: await this.#hasManyDead() });
      await this.#scratch.truncate(0);
      await this.#scratch.close();
      this.#database.close();
    });
  }

  /** Whether deleted rows take much of the room. Row groups in which all are deleted are given back by any checkpoint. */
  async #hasManyDead(): Promise<boolean> {
    for (const name of this.#catalog.collections()) {
      const [row] = await this.#database.readInWriter(physicalRowsSql(name));
      const dead = Number(row?.[0] ?? 0) - this.#catalog.days.totals(name).events;
      if (dead > deadRowsMax && dead > Number(row?.[0]) * deadShareMax) return true;
    }
    return false;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => {});
    return mine;
  }
}

/** Rows in the file, dead or alive. */
function physicalRowsSql(collection: string): string {
  return `SELECT sum(count) FROM pragma_storage_info(${quoteString(eventsTable(collection))}) WHERE column_name = '_rev' AND segment_type <> 'VALIDITY'`;
}
