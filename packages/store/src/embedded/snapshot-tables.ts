/** Snapshots out of DuckDB: the read transaction that they are exported from, and their books. */

import type { DuckDBConnection } from "@duckdb/node-api";
import { formatDigest, must } from "@epsilon/model";
import { quoteIdentifier, quoteString } from "@epsilon/query";
import type { Segment } from "../snapshots/manifest.ts";
import type {
  Exported,
  Moment,
  Piece,
  SequenceRange,
  SnapshotBooks,
  SnapshotRecord,
  SnapshotTables,
} from "../snapshots/snapshot-tables.ts";
import type { SnapshotInfo } from "../snapshots.ts";
import type { Database, SqlRow } from "./database.ts";
import { digestFromSums, toBigInt } from "./days.ts";
import { eventsTable, lanesSql, tombstonesTable } from "./load-sql.ts";
import { collectionsAtMoment } from "./moment.ts";

/** The tables of the books; made at every start where they are missing, because earlier releases had none. */
export const snapshotBooksSql = `
CREATE TABLE IF NOT EXISTS epsilon.snapshots (id VARCHAR NOT NULL, ordinal BIGINT NOT NULL, incarnation VARCHAR NOT NULL, number BIGINT NOT NULL, info VARCHAR NOT NULL, manifest VARCHAR, sequence BIGINT, cursors VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS epsilon.snapshot_pieces (destination VARCHAR NOT NULL, collection VARCHAR NOT NULL, segment VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS epsilon.drops (collection VARCHAR NOT NULL, sequence BIGINT NOT NULL);
`;

/** Books are written in the writer's turn. */
export function snapshotTables(
  database: Database,
  inTurn: <T>(work: () => Promise<T>) => Promise<T>,
): SnapshotTables {
  const write = (sql: string): Promise<void> => inTurn(() => database.write(sql));
  return {
    readBooks: () => readBooks(database),
    saveRecord: (record) => write(saveRecordSql(record)),
    removeRecord: (id) => write(`DELETE FROM epsilon.snapshots WHERE id = ${quoteString(id)}`),
    savePiece: ({ destination, collection, segment }) =>
      write(
        `INSERT INTO epsilon.snapshot_pieces VALUES (${quoteString(destination)}, ${quoteString(collection)}, ${quoteString(jsonOf(segment))})`,
      ),
    clearPieces: () => write("DELETE FROM epsilon.snapshot_pieces"),
    atOneMoment: (work, signal) =>
      database.withReader({ signal }, async (connection) => {
        await connection.run("BEGIN TRANSACTION READ ONLY");
        try {
          return await work(await momentOf(connection, signal));
        } finally {
          await connection.run("ROLLBACK");
        }
      }),
  };
}

/** The statement that puts a record into the books; a restore uses it too. */
export function saveRecordSql(record: SnapshotRecord): string {
  const { info, ordinal, incarnation, number, manifest, sequence, cursors } = record;
  const id = quoteString(info.id);
  const values = [
    id,
    String(ordinal),
    quoteString(incarnation),
    String(number),
    quoteString(jsonOf(info)),
    manifest === null ? "NULL" : quoteString(new TextDecoder().decode(manifest)),
    sequence === null ? "NULL" : String(sequence),
    quoteString(JSON.stringify(cursors)),
  ];
  return `BEGIN; DELETE FROM epsilon.snapshots WHERE id = ${id}; INSERT INTO epsilon.snapshots VALUES (${values.join(", ")}); COMMIT`;
}

async function readBooks(database: Database): Promise<SnapshotBooks> {
  const records = await database.read(
    "SELECT ordinal, incarnation, number, info, manifest, sequence, cursors FROM epsilon.snapshots ORDER BY ordinal",
    {},
  );
  const pieces = await database.read(
    "SELECT destination, collection, segment FROM epsilon.snapshot_pieces",
    {},
  );
  const drops = await database.read("SELECT collection, max(sequence) FROM epsilon.drops GROUP BY 1", {});
  return {
    records: records.map(
      ([ordinal, incarnation, number, info, manifest, sequence, cursors]): SnapshotRecord => ({
        ordinal: Number(ordinal),
        incarnation: String(incarnation),
        number: Number(number),
        info: parsedOf(String(info)) as SnapshotInfo,
        manifest: manifest === null ? null : new TextEncoder().encode(String(manifest)),
        sequence: sequence === null ? null : Number(sequence),
        cursors: JSON.parse(String(cursors)) as SnapshotRecord["cursors"],
      }),
    ),
    pieces: pieces.map(
      ([destination, collection, segment]): Piece => ({
        destination: String(destination),
        collection: String(collection),
        segment: parsedOf(String(segment)) as Segment,
      }),
    ),
    drops: new Map(drops.map(([collection, sequence]) => [String(collection), Number(sequence)])),
  };
}

async function momentOf(connection: DuckDBConnection, signal: AbortSignal): Promise<Moment> {
  const rows = async (sql: string): Promise<readonly SqlRow[]> => {
    signal.throwIfAborted();
    return (await connection.runAndReadAll(sql)).getRows() as readonly SqlRow[];
  };
  const [position] = await rows("SELECT sequence FROM epsilon.position");
  const collections = await collectionsAtMoment(rows);
  const columnsOf = new Map(
    collections.map(({ name, columns }) => [name, columns.map((column) => column.name)]),
  );
  return {
    sequence: Number(position?.[0]),
    collections,
    async countRows(collection, ranges) {
      if (ranges.length === 0) return [];
      const counts = ranges.map((range) => `count(*) FILTER (${withinSql(range)})`).join(", ");
      const both = [eventsTable(collection), tombstonesTable(collection)].map(
        (table) => `SELECT _seq FROM ${table}`,
      );
      const [found] = await rows(`SELECT ${counts} FROM (${both.join(" UNION ALL ")})`);
      return must(found).map(Number);
    },
    async findCut(collection, range, share) {
      const where = `WHERE ${withinSql(range)}`;
      const [found] = await rows(
        `SELECT quantile_disc(_seq, ${share.toFixed(9)}) FROM ${eventsTable(collection)} ${where}`,
      );
      const cut = found?.[0] ?? null;
      return cut === null ? range.to : Number(cut);
    },
    async export(collection, range, path) {
      const names = (columnsOf.get(collection) ?? []).map((name) => `, ${quoteIdentifier(name)}`).join("");
      const where = `WHERE ${withinSql(range)}`;
      await rows(
        `COPY (SELECT _ts, _id, _rev, _hash, false AS _deleted, _more${names} FROM ${eventsTable(collection)} ${where}
UNION ALL BY NAME SELECT _ts, _id, 0::BIGINT AS _rev, _hash, true AS _deleted FROM ${tombstonesTable(collection)} ${where}
ORDER BY _ts, _id) TO ${quoteString(path)} (FORMAT parquet, COMPRESSION zstd)`,
      );
      return exportedOf(await rows(contentsSql(path)));
    },
  };
}

/** What a file of rows holds, as one row: count, the four lanes, the first time and the last. */
export function contentsSql(path: string): string {
  return `SELECT count(*), ${lanesSql}, epoch_us(min(_ts)), epoch_us(max(_ts)) FROM read_parquet(${quoteString(path)})`;
}

/** The answer to `contentsSql`. */
export function exportedOf(found: readonly SqlRow[]): Exported {
  const [count, ...rest] = must(found[0]);
  const sums = rest.slice(0, 4).map((sum) => sum ?? 0n);
  return {
    rows: Number(count),
    digest: formatDigest(digestFromSums(Number(count), sums)),
    firstTsMicros: toBigInt(rest[4] ?? 0n),
    lastTsMicros: toBigInt(rest[5] ?? 0n),
  };
}

function withinSql({ from, to }: SequenceRange): string {
  return `_seq > ${from} AND _seq <= ${to}`;
}

/** Times are bigints, which JSON has not. */
function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === "bigint" ? { micros: String(member) } : member,
  );
}

function parsedOf(text: string): unknown {
  return JSON.parse(text, (_key, member: unknown) => {
    if (typeof member !== "object" || member === null || !("micros" in member)) return member;
    return BigInt(String(member.micros));
  });
}
