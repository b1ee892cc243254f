/**
 * Questions to DuckDB: queries, scans, the change feed, fields, sources. Every read is one statement, or several on
 * one connection in one transaction, so it sees one moment.
 */

import type { Env } from "@epsilon/env";
import { EpsilonError, type EventKey, limits as modelLimits } from "@epsilon/model";
import {
  type Answer,
  type Filter,
  filterSql,
  planSql,
  type Query,
  quoteString,
  resolveTime,
  type SqlContext,
} from "@epsilon/query";
import { formatNext, parseNext } from "../core/page.ts";
import type { Change, ChangePosition } from "../core/tables.ts";
import type { CollectionInfo, FieldInfo, ReadOptions, Scan, ScanChunk, ScanRequest } from "../event-store.ts";
import type { Catalog } from "./catalog.ts";
import { typeBits } from "./columns.ts";
import type { Database, SqlRow } from "./database.ts";
import { toBigInt } from "./days.ts";
import { eventsTable } from "./load-sql.ts";
import { newestBoundMicros } from "./newest.ts";
import { answerRowOf, jsonOf, planRows } from "./rows.ts";

const dayMicros = 86_400_000_000n;
const keysPerStretch = 20_000;

export class Reads {
  readonly #env: Env;
  readonly #database: Database;
  readonly #catalog: Catalog;

  constructor(env: Env, database: Database, catalog: Catalog) {
    this.#env = env;
    this.#database = database;
    this.#catalog = catalog;
  }

  async query(collection: string, query: Query, options: ReadOptions): Promise<Answer> {
    const context = this.#context(collection);
    const plan = planSql(query, context);
    const bounded = await this.#boundNewest(collection, query, options);
    const statements =
      bounded === null
        ? plan.statements
        : planSql(query, { ...context, notBeforeMicros: bounded }).statements;
    const results = await this.#database.withReader(options, async (connection) => {
      const all: (readonly SqlRow[])[] = [];
      if (statements.length > 1) await connection.run("BEGIN TRANSACTION READ ONLY");
      try {
        for (const statement of statements) {
          // An interrupt between two statements would stop neither.
          options.signal?.throwIfAborted();
          const sql = statement(all);
          all.push(
            sql === null ? [] : ((await connection.runAndReadAll(sql)).getRows() as readonly SqlRow[]),
          );
        }
      } finally {
        if (statements.length > 1) await connection.run("ROLLBACK");
      }
      return all;
    });
    return { ...plan.shape(results), eventsScanned: this.#scanned(collection, plan) };
  }

  /** Raw events, newest first: where to begin so that enough are found, or null to read all. */
  async #boundNewest(collection: string, query: Query, options: ReadOptions): Promise<bigint | null> {
    const newestFirst = query.orderBy.length === 0 && !query.descending;
    if (query.columns.length > 0 || query.groupBy.length > 0 || !newestFirst) return null;
    if (query.pointSize !== undefined) return null;
    const context = this.#context(collection);
    const timezone = query.timezone ?? "UTC";
    const range = rangeOf(query.timeRange, { nowMicros: context.nowMicros, timezone });
    return newestBoundMicros(this.#database, {
      table: context.table,
      days: this.#catalog.days.of(collection),
      endMicros: range.end,
      nowMicros: context.nowMicros,
      // One more than is shown tells whether the answer was cut.
      wanted: (query.limit ?? modelLimits.eventsDefaultCount) + 1,
      where: query.filters.length === 0 ? null : filterSql(query.filters, context, timezone),
      signal: options.signal,
    });
  }

  /** The events of the days that the time range touches: what a query may have to look at. */
  #scanned(
    collection: string,
    range: { readonly startMicros: bigint | null; readonly endMicros: bigint | null },
  ): number {
    let events = 0;
    for (const [day, { events: count }] of this.#catalog.days.of(collection)) {
      const from = BigInt(day) * dayMicros;
      if (range.startMicros !== null && from + dayMicros <= range.startMicros) continue;
      if (range.endMicros !== null && from >= range.endMicros) continue;
      events += count;
    }
    return events;
  }

  async scan(request: ScanRequest, options: ReadOptions): Promise<Scan> {
    const { collection, order, limit } = request;
    const context = this.#context(collection);
    const conditions = this.#scanConditions(request, context);
    const rows = planRows(this.#catalog.columns(collection));
    const direction = order === "asc" ? "ASC" : "DESC";
    const where = conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
    const ordered = `${where} ORDER BY _ts ${direction}, _id ${direction}`;
    const next = limit === undefined ? null : await this.#nextOf(context.table, { ordered, limit, options });
    const bound = limit === undefined ? "" : ` LIMIT ${limit}`;
    const sql = `SELECT ${rows.select} FROM ${context.table}${ordered}${bound}`;
    const stream = this.#database.stream(sql, options);
    async function* chunks(): AsyncGenerator<ScanChunk> {
      const encoder = new TextEncoder();
      for await (const part of stream) {
        let text = "";
        for (const row of part) text += `${jsonOf(rows, row)}\n`;
        yield { ndjson: encoder.encode(text), events: part.length };
      }
    }
    return { next, chunks: chunks() };
  }

  #scanConditions(request: ScanRequest, context: SqlContext): readonly string[] {
    const range = rangeOf(
      {
        ...(request.start === undefined ? {} : { start: request.start }),
        ...(request.end === undefined ? {} : { end: request.end }),
      },
      { nowMicros: context.nowMicros, timezone: "UTC" },
    );
    return [
      ...(range.start === null ? [] : [`_ts >= make_timestamp(${range.start})`]),
      ...(range.end === null ? [] : [`_ts < make_timestamp(${range.end})`]),
      ...(request.filters.length === 0 ? [] : [`(${filterSql(request.filters, context)})`]),
      ...(request.after === undefined ? [] : [afterSql(parseNext(request.after), request.order)]),
    ];
  }

  /** The key of the last row of a page, if another row follows it. */
  async #nextOf(
    table: string,
    page: { readonly ordered: string; readonly limit: number; readonly options: ReadOptions },
  ): Promise<string | null> {
    if (page.limit === 0) return null;
    const rows = await this.#database.read(
      `SELECT epoch_us(_ts), _id::VARCHAR FROM ${table}${page.ordered} LIMIT 2 OFFSET ${page.limit - 1}`,
      page.options,
    );
    const [last, following] = rows;
    if (last === undefined || following === undefined) return null;
    return formatNext({ tsMicros: toBigInt(last[0]), id: String(last[1]) });
  }

  async changes(
    collection: string,
    request: {
      readonly after: ChangePosition;
      readonly filters: readonly Filter[];
      readonly limit: number;
      readonly signal: AbortSignal;
    },
  ): Promise<readonly Change[]> {
    if (!this.#catalog.has(collection)) return [];
    const { after } = request;
    const context = this.#context(collection);
    const rows = planRows(this.#catalog.columns(collection));
    const beyond =
      after.sequence > this.#catalog.sequence
        ? `_seq >= ${after.sequence}`
        : `_seq >= ${after.sequence} AND (_seq > ${after.sequence} OR (_ts, _id) > (make_timestamp(${after.tsMicros}), ${quoteString(after.id)}::UUID))`;
    const filters = request.filters.length === 0 ? "" : ` AND (${filterSql(request.filters, context)})`;
    const found = await this.#database.read(
      `SELECT ${rows.select} FROM ${context.table} WHERE ${beyond}${filters} ORDER BY _seq, _ts, _id LIMIT ${request.limit}`,
      { signal: request.signal },
    );
    return found.map((row) => ({
      sequence: Number(row[4]),
      tsMicros: toBigInt(row[0]),
      id: String(row[1]),
      json: jsonOf(rows, row),
    }));
  }

  async *matchingKeys(
    collection: string,
    filters: readonly Filter[],
    options: ReadOptions,
  ): AsyncGenerator<readonly EventKey[]> {
    const context = this.#context(collection);
    const sql = `SELECT epoch_us(_ts), _id::VARCHAR FROM ${context.table} WHERE ${filterSql(filters, context)}`;
    let keys: EventKey[] = [];
    for await (const part of this.#database.stream(sql, options)) {
      for (const [ts, id] of part) keys.push({ tsMicros: toBigInt(ts), id: String(id) });
      if (keys.length < keysPerStretch) continue;
      yield keys;
      keys = [];
    }
    if (keys.length > 0) yield keys;
  }

  async collections(): Promise<readonly Omit<CollectionInfo, "retentionMs">[]> {
    const infos: Omit<CollectionInfo, "retentionMs">[] = [];
    for (const name of this.#catalog.collections()) {
      const [row] = await this.#database.read(
        `SELECT epoch_us(min(_ts)), epoch_us(max(_ts)) FROM ${eventsTable(name)}`,
        {},
      );
      const [first, last] = [row?.[0] ?? null, row?.[1] ?? null];
      infos.push({
        name,
        events: this.#catalog.days.totals(name).events,
        firstTsMicros: first === null ? null : toBigInt(first),
        lastTsMicros: last === null ? null : toBigInt(last),
        bytesOnDisk: await this.#bytesOf(name),
      });
    }
    return infos;
  }

  async #bytesOf(collection: string): Promise<number> {
    const [row] = await this.#database.read(
      `SELECT count(DISTINCT block_id) * (SELECT block_size FROM pragma_database_size() LIMIT 1) FROM pragma_storage_info(${quoteString(eventsTable(collection))}) WHERE persistent`,
      {},
    );
    return Number(row?.[0] ?? 0);
  }

  async fields(collection: string): Promise<readonly FieldInfo[]> {
    const columns = this.#catalog.columns(collection);
    const all = columns.all();
    const context = this.#context(collection);
    const counts = all.map(
      (column) => `count(${columns.expressions(column.field).find(({ type }) => type === column.type)?.sql})`,
    );
    const [row] =
      all.length === 0
        ? [[]]
        : await this.#database.read(`SELECT ${counts.join(", ")} FROM ${context.table}`, {});
    const found = new Map<string, { types: Set<FieldInfo["types"][number]>; events: number }>();
    const note = (field: string, type: FieldInfo["types"][number], events: number): void => {
      if (events === 0) return;
      const entry = found.get(field) ?? { types: new Set(), events: 0 };
      entry.types.add(type);
      entry.events += events;
      found.set(field, entry);
    };
    for (const [index, column] of all.entries()) note(column.field, column.type, Number(row?.[index] ?? 0));
    const more = await this.#database.read(
      `SELECT key, json_type(_more, '/' || replace(replace(key, '~', '~0'), '/', '~1')) AS type, count(*) FROM (SELECT _more, unnest(json_keys(_more)) AS key FROM ${context.table} WHERE _more IS NOT NULL) GROUP BY ALL`,
      {},
    );
    for (const [field, type, events] of more) note(String(field), typeOfJson(String(type)), Number(events));
    return [...found]
      .map(([name, { types, events }]) => ({
        name,
        types: typeBits.map(([type]) => type).filter((type) => types.has(type)),
        events,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #context(collection: string): SqlContext {
    if (!this.#catalog.has(collection)) {
      throw new EpsilonError("unknown_collection", `no event was ever written to "${collection}"`);
    }
    const columns = this.#catalog.columns(collection);
    const rows = planRows(columns);
    return {
      events: { select: rows.select, row: (cells) => answerRowOf(rows, cells as SqlRow) },
      table: eventsTable(collection),
      nowMicros: this.#env.clock.nowMicros(),
      fields: (name) => columns.expressions(name),
      groupsMax: modelLimits.groupsMax,
    };
  }
}

function typeOfJson(type: string): FieldInfo["types"][number] {
  if (type === "VARCHAR") return "string";
  return type === "BOOLEAN" ? "boolean" : "number";
}

function rangeOf(
  range: { readonly start?: string; readonly end?: string },
  at: { readonly nowMicros: bigint; readonly timezone: string },
): { readonly start: bigint | null; readonly end: bigint | null } {
  return {
    start: range.start === undefined ? null : resolveTime(range.start, at.nowMicros, at.timezone),
    end: range.end === undefined ? null : resolveTime(range.end, at.nowMicros, at.timezone),
  };
}

function afterSql(key: EventKey, order: "asc" | "desc"): string {
  const [op, bound] = order === "asc" ? [">", ">="] : ["<", "<="];
  const at = `make_timestamp(${key.tsMicros})`;
  return `_ts ${bound} ${at} AND (_ts ${op} ${at} OR _id ${op} ${quoteString(key.id)}::UUID)`;
}
