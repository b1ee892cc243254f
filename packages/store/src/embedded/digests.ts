/** Digests, keys and versions, and whole events by their keys, out of DuckDB: what comparing and repairing ask for. */

import { hash as hashOnce } from "node:crypto";
import type { DuckDBConnection } from "@duckdb/node-api";
import {
  compareNumbers,
  type Digest,
  type EventKey,
  eventToJson,
  formatTimestamp,
  must,
  versionHash64,
  versionOf,
} from "@epsilon/model";
import { quoteString } from "@epsilon/query";
import type { DigestPart, DigestRequest, KeyRange } from "../comparing.ts";
import { type DigestReader, digestParts, firstId, type Measured } from "../core/digest-parts.ts";
import type { ReadOptions, ScanChunk } from "../event-store.ts";
import type { Catalog } from "./catalog.ts";
import type { Database, SqlRow } from "./database.ts";
import { digestFromSums, toBigInt } from "./days.ts";
import { eventsTable, lanesSql, tombstonesTable } from "./load-sql.ts";
import { eventOf, planRows, type RowPlan } from "./rows.ts";

/** Ranges that one statement measures: enough to be worth it, few enough to be planned quickly. */
const rangesPerStatement = 100;
const keysPerStatement = 1_000;

const sha256 = (bytes: Uint8Array): Uint8Array => hashOnce("sha256", bytes, "buffer");

/** Digests of ranges, all of one moment. */
export async function readDigests(
  database: Database,
  question: { readonly collection: string; readonly request: DigestRequest; readonly options: ReadOptions },
): Promise<readonly (readonly DigestPart[])[]> {
  const { collection, request, options } = question;
  return database.withReader(options, async (connection) => {
    await connection.run("BEGIN TRANSACTION READ ONLY");
    try {
      const days = await rowsOf(
        connection,
        `SELECT day, events + tombstones, lane0, lane1, lane2, lane3 FROM epsilon.days WHERE collection = ${quoteString(collection)} ORDER BY day`,
      );
      return await digestParts(request, {
        days: days.map(([day, count, ...sums]) => ({
          day: Number(day),
          digest: digestFromSums(Number(count), sums),
        })),
        measure: (ranges) => measure(connection, collection, { ranges, options }),
        divide: (range, cut) => divide(connection, collection, { range, ...cut }),
      } satisfies DigestReader);
    } finally {
      await connection.run("ROLLBACK");
    }
  });
}

/** SQL for "within this range of keys". */
export function rangeSql({ from, to }: KeyRange): string {
  const conditions = [
    ...(from === null ? [] : [atLeastSql(from)]),
    ...(to === null ? [] : [`NOT (${atLeastSql(to)})`, `_ts <= make_timestamp(${to.tsMicros})`]),
  ];
  return conditions.length === 0 ? "true" : conditions.join(" AND ");
}

function atLeastSql({ tsMicros, id }: EventKey): string {
  const at = `make_timestamp(${tsMicros})`;
  if (id === firstId) return `_ts >= ${at}`;
  return `_ts >= ${at} AND (_ts > ${at} OR _id >= ${quoteString(id)}::UUID)`;
}

function bothTablesSql(collection: string, columns: string, range: KeyRange): string {
  const where = rangeSql(range);
  return `SELECT ${columns} FROM ${eventsTable(collection)} WHERE ${where} UNION ALL SELECT ${columns} FROM ${tombstonesTable(collection)} WHERE ${where}`;
}

async function measure(
  connection: DuckDBConnection,
  collection: string,
  { ranges, options }: { readonly ranges: readonly KeyRange[]; readonly options: ReadOptions },
): Promise<readonly Digest[]> {
  const digests: Digest[] = [];
  for (let at = 0; at < ranges.length; at += rangesPerStatement) {
    options.signal?.throwIfAborted();
    const group = ranges.slice(at, at + rangesPerStatement);
    const statements = group.map(
      (range, index) =>
        `SELECT ${index} AS at, count(*), ${lanesSql} FROM (${bothTablesSql(collection, "_hash", range)})`,
    );
    const rows = await rowsOf(connection, `${statements.join(" UNION ALL ")} ORDER BY 1`);
    digests.push(...rows.map(([, count, ...sums]) => digestOfSums(count, sums)));
  }
  return digests;
}

async function divide(
  connection: DuckDBConnection,
  collection: string,
  cut: { readonly range: KeyRange; readonly count: number; readonly pieces: number },
): Promise<readonly Measured[]> {
  const pieces = Math.min(cut.pieces, cut.count);
  const rows = await rowsOf(
    connection,
    `SELECT place * ${pieces} // ${cut.count} AS piece, count(*), ${lanesSql}, epoch_us(min(_ts)), epoch_us(max(_ts)), arg_min(_id, place)::VARCHAR
FROM (SELECT *, row_number() OVER (ORDER BY _ts, _id) - 1 AS place FROM (${bothTablesSql(collection, "_ts, _id, _hash", cut.range)}))
GROUP BY 1 ORDER BY 1`,
  );
  const starts = rows.map((row, index) =>
    index === 0 ? cut.range.from : startOf(must(rows[index - 1]), row),
  );
  return rows.map(([, count, ...rest], index) => ({
    from: starts[index] ?? null,
    to: starts[index + 1] ?? cut.range.to,
    digest: digestOfSums(count, rest.slice(0, 4)),
  }));
}

/** Where a piece begins. The shortest key that tells it from the one before: times compress, ids do not. */
function startOf(before: SqlRow, row: SqlRow): EventKey {
  const tsMicros = toBigInt(row[6]);
  return { tsMicros, id: toBigInt(before[7]) < tsMicros ? firstId : String(row[8]) };
}

function digestOfSums(count: SqlRow[number] | undefined, sums: SqlRow): Digest {
  return digestFromSums(
    Number(count),
    sums.map((sum) => sum ?? 0n),
  );
}

interface Asked {
  readonly collection: string;
  readonly options: ReadOptions;
  /** Told of a row that does not verify; it is left out. */
  readonly onDamage: (key: EventKey) => void;
}

/** Keys and versions in a range, in key order, as NDJSON. */
export async function* readKeys(
  database: Database,
  catalog: Catalog,
  asked: Asked & { readonly range: KeyRange },
): AsyncGenerator<ScanChunk> {
  const plan = planRows(catalog.columns(asked.collection));
  const sql = `${rowsSql(plan, asked.collection, rangeSql(asked.range))} ORDER BY 1, 2`;
  const encoder = new TextEncoder();
  for await (const rows of database.stream(sql, asked.options)) {
    let text = "";
    let events = 0;
    for (const row of rows) {
      const found = verified(plan, row, asked.onDamage);
      if (found === null) continue;
      events += 1;
      text += `{"_ts":"${formatTimestamp(found.event.tsMicros)}","_id":"${found.event.id}","version":"${found.version}"${found.event.deleted ? ',"_deleted":true' : ""}}\n`;
    }
    yield { ndjson: encoder.encode(text), events };
  }
}

/** The events and tombstones of these keys, as NDJSON that can be written to another instance. */
export async function* readByKeys(
  database: Database,
  catalog: Catalog,
  asked: Asked & { readonly keys: readonly EventKey[] },
): AsyncGenerator<ScanChunk> {
  const plan = planRows(catalog.columns(asked.collection));
  const encoder = new TextEncoder();
  for (let at = 0; at < asked.keys.length; at += keysPerStatement) {
    const sql = rowsSql(plan, asked.collection, amongSql(asked.keys.slice(at, at + keysPerStatement)));
    for await (const rows of database.stream(sql, asked.options)) {
      const found = rows.flatMap((row) => verified(plan, row, asked.onDamage) ?? []);
      const text = found.map(({ event }) => `${eventToJson(event)}\n`).join("");
      yield { ndjson: encoder.encode(text), events: found.length };
    }
  }
}

/** Events and tombstones as rows of one shape; the last column tells them apart. */
function rowsSql(plan: RowPlan, collection: string, where: string): string {
  const nothing = plan.slots.map(() => ", NULL").join("");
  return `SELECT ${plan.select}, false AS dead FROM ${eventsTable(collection)} WHERE ${where}
UNION ALL SELECT epoch_us(_ts), _id::VARCHAR, 0, _hash, _seq, NULL${nothing}, true FROM ${tombstonesTable(collection)} WHERE ${where}`;
}

function amongSql(keys: readonly EventKey[]): string {
  const times = keys.map(({ tsMicros }) => tsMicros).sort((a, b) => compareNumbers(Number(a - b), 0));
  const pairs = keys.map(({ tsMicros, id }) => `(${tsMicros}, ${quoteString(id)})`).join(", ");
  return `_ts >= make_timestamp(${times[0]}) AND _ts <= make_timestamp(${times.at(-1)}) AND (_ts, _id) IN (SELECT make_timestamp(t), i::UUID FROM (VALUES ${pairs}) AS keys(t, i))`;
}

function verified(
  plan: RowPlan,
  row: SqlRow,
  onDamage: (key: EventKey) => void,
): { readonly event: ReturnType<typeof eventOf>; readonly version: string } | null {
  const event = { ...eventOf(plan, row), deleted: row[row.length - 1] === true };
  const version = versionOf(event, sha256);
  if (versionHash64(version) === event.hash) return { event, version };
  onDamage(event);
  return null;
}

async function rowsOf(connection: DuckDBConnection, sql: string): Promise<readonly SqlRow[]> {
  return (await connection.runAndReadAll(sql)).getRows() as readonly SqlRow[];
}
