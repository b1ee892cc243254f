/** Reading the files of a snapshot without an instance: what they hold, what they come to together, whether rows verify. */

import { hash as hashOnce } from "node:crypto";
import type { Clock } from "@epsilon/env";
import { formatDigest, must, versionHash64, versionOf } from "@epsilon/model";
import { quoteIdentifier, quoteString } from "@epsilon/query";
import type { ManifestCollection } from "../snapshots/manifest.ts";
import type { Exported } from "../snapshots/snapshot-tables.ts";
import { Columns } from "./columns.ts";
import { Database } from "./database.ts";
import { digestFromSums } from "./days.ts";
import { lanesSql } from "./load-sql.ts";
import { eventOf, planRows } from "./rows.ts";
import { contentsSql, exportedOf } from "./snapshot-tables.ts";

/** What a collection comes to. */
export type CollectionTotals = Pick<ManifestCollection, "events" | "tombstones" | "digest">;

const sha256 = (bytes: Uint8Array): Uint8Array => hashOnce("sha256", bytes, "buffer");

/** A version's rank as one number: dead, then revision, then hash. */
const rankSql = "((_deleted::HUGEINT << 117) + (_rev::HUGEINT << 64) + _hash::HUGEINT)";

export class ParquetReader {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** `spill` is a folder for what does not fit into memory. */
  static async open(
    clock: Clock,
    options: { readonly spill: string; readonly memoryBytesMax: number },
  ): Promise<ParquetReader> {
    const database = await Database.open(clock, {
      path: ":memory:",
      temporaryDirectory: options.spill,
      memoryBytesMax: options.memoryBytesMax,
      temporaryBytesMax: 1_000_000_000_000,
      threads: 2,
      checkpointBytes: 1_000_000_000,
    });
    return new ParquetReader(database);
  }

  /** Count, digest and bounds of a file. */
  async contents(path: string, signal: AbortSignal): Promise<Exported> {
    return exportedOf(await this.#database.read(contentsSql(path), { signal }));
  }

  /** Forgets the keys of another collection. */
  async beginJoin(): Promise<void> {
    await this.#database.write(
      "CREATE OR REPLACE TABLE keys (_ts TIMESTAMP, _id UUID, _rev BIGINT, _hash UBIGINT, _deleted BOOLEAN)",
    );
  }

  /** Takes a file's keys and versions to those of the others. */
  async join(path: string): Promise<void> {
    await this.#database.write(
      `INSERT INTO keys SELECT _ts, _id, _rev, _hash, _deleted FROM read_parquet(${quoteString(path)})`,
    );
  }

  /** What the files come to together: the winner of every key above the horizon. */
  async joined(horizonMicros: bigint | null, signal: AbortSignal): Promise<CollectionTotals> {
    const above = horizonMicros === null ? "" : ` WHERE _ts > make_timestamp(${horizonMicros})`;
    const [row] = await this.#database.read(
      `SELECT count(*) FILTER (NOT dead), count(*) FILTER (dead), ${lanesSql} FROM (
  SELECT rank >= (1::HUGEINT << 117) AS dead, (rank & 18446744073709551615::HUGEINT)::UBIGINT AS _hash FROM (
    SELECT max(${rankSql}) AS rank FROM keys${above} GROUP BY _ts, _id))`,
      { signal },
    );
    const [events, tombstones, ...sums] = must(row);
    const count = Number(events) + Number(tombstones);
    const digest = digestFromSums(
      count,
      sums.map((sum) => sum ?? 0n),
    );
    return { events: Number(events), tombstones: Number(tombstones), digest: formatDigest(digest) };
  }

  /** How many rows do not have the version that their fields come to. */
  async countDamaged(
    path: string,
    columns: ManifestCollection["columns"],
    signal: AbortSignal,
  ): Promise<number> {
    const present = new Set(await this.columnNames(path));
    const known = new Columns();
    for (const column of columns) if (present.has(column.name)) known.add(column);
    const plan = planRows(known);
    const select = plan.select.replace(", _seq,", ", 0,");
    const sql = `SELECT ${select}, _deleted FROM read_parquet(${quoteString(path)})`;
    let damaged = 0;
    for await (const rows of this.#database.stream(sql, { signal })) {
      for (const row of rows) {
        const event = { ...eventOf(plan, row), deleted: row[row.length - 1] === true };
        if (versionHash64(versionOf(event, sha256)) !== event.hash) damaged += 1;
      }
    }
    return damaged;
  }

  async columnNames(path: string): Promise<readonly string[]> {
    const rows = await this.#database.read(`DESCRIBE SELECT * FROM read_parquet(${quoteString(path)})`, {});
    return rows.map(([name]) => String(name));
  }

  close(): void {
    this.#database.close();
  }
}

/** The columns of a collection that a file has, quoted, in the order of the list. */
export function columnsPresent(
  columns: ManifestCollection["columns"],
  present: ReadonlySet<string>,
): readonly string[] {
  return columns.filter(({ name }) => present.has(name)).map(({ name }) => quoteIdentifier(name));
}
