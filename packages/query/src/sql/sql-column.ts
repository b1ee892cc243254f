/**
 * Aggregated columns as SQL.
 *
 * Each aggregate is DuckDB's own over a bare column, with FILTER for a column's own filters. Where a field has several
 * types, each type is aggregated apart, and the parts are put together in the order of types.
 */

import type { Column } from "../query.ts";
import { filterSql } from "./sql-filter.ts";
import {
  type FieldColumn,
  fieldColumns,
  readCell,
  type SqlContext,
  type SqlPart,
  type SqlValue,
} from "./sql-value.ts";

const percentiles = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99, p999: 0.999 } as const;
const keySql = "(_ts, _id)";

type Percentile = keyof typeof percentiles;

/** The share below a percentile, by the aggregate's name; null for any other aggregate. */
export function percentileOf(aggregate: string): number | null {
  return Object.hasOwn(percentiles, aggregate) ? percentiles[aggregate as Percentile] : null;
}

/**
 * A column's value. A `rate` is still the count or sum: what divides it depends on the range. `all` are the query's
 * columns: percentiles of one field are asked for together, so that its values are collected once.
 */
export function columnSql(
  column: Column,
  all: readonly Column[],
  context: SqlContext,
  zone: string,
): SqlValue {
  const only =
    column.filters === undefined || column.filters.length === 0
      ? ""
      : ` FILTER (WHERE ${filterSql(column.filters, context, zone)})`;
  const columns = column.field === undefined ? [] : fieldColumns(column.field, context);
  const number = columns.find(({ type }) => type === "number");
  const overNumbers = (call: (sql: string) => string): SqlValue =>
    number === undefined ? absent : single(`${call(number.sql)}${only}`);
  switch (column.aggregate) {
    case "rate":
      if (column.field !== undefined) return overNumbers((sql) => `sum(${sql})`);
      return single(`count(*)${only}`);
    case "count":
      if (column.field === undefined) return single(`count(*)${only}`);
      return added(columns.map(({ sql }) => `count(${sql})${only}`));
    case "count_distinct":
      return added(columns.map(({ sql }) => `count(DISTINCT ${sql})${only}`));
    case "sum":
      return overNumbers((sql) => `sum(${sql})`);
    case "avg":
      return overNumbers((sql) => `avg(${sql})`);
    case "stddev":
      return overNumbers((sql) => `stddev_samp(${sql})`);
    case "min":
      return extreme(columns, (sql) => `min(${sql})${only}`, "first");
    case "max":
      return extreme(columns, (sql) => `max(${sql})${only}`, "last");
    case "first":
      return atKey(columns, "arg_min", only);
    case "last":
      return atKey(columns, "arg_max", only);
    default:
      return number === undefined ? absent : percentile(column, { all, sql: number.sql, only });
  }
}

const absent: SqlValue = { parts: [], otherwise: null };

function single(sql: string): SqlValue {
  return { parts: [{ sql, read: readCell }], otherwise: null };
}

function added(counts: readonly string[]): SqlValue {
  return counts.length === 0 ? { parts: [], otherwise: 0 } : single(counts.join(" + "));
}

/** The first or the last type that has an extreme wins; the parts say which by the others' being NULL. */
function extreme(
  columns: readonly FieldColumn[],
  call: (sql: string) => string,
  winner: "first" | "last",
): SqlValue {
  const parts: SqlPart[] = columns.map((column, index) => {
    const stronger = winner === "first" ? columns.slice(0, index) : columns.slice(index + 1);
    const own = column.leave(call(column.sql));
    const beaten = stronger.map(({ sql }) => `${call(sql)} IS NULL`).join(" AND ");
    return { sql: beaten === "" ? own : `CASE WHEN ${beaten} THEN ${own} END`, read: column.read };
  });
  return { parts, otherwise: null };
}

/** The value at the smallest or greatest key that has the field, of whatever type it is there. */
function atKey(columns: readonly FieldColumn[], call: "arg_min" | "arg_max", only: string): SqlValue {
  const [sole] = columns;
  if (sole === undefined) return absent;
  if (columns.length === 1) {
    const sql = sole.leave(`${call}(${sole.sql}, ${keySql})${only}`);
    return { parts: [{ sql, read: sole.read }], otherwise: null };
  }
  const members = columns.map(({ type, sql }) => `'${type}': ${sql}`).join(", ");
  const present = columns.map(({ sql }) => `${sql} IS NOT NULL`).join(" OR ");
  // NULL instead of a struct of NULLs, which would count as a value.
  const packed = `CASE WHEN ${present} THEN {${members}} END`;
  const found = `${call}(${packed}, ${keySql})${only}`;
  const parts = columns.map(({ type, read }) => ({ sql: `(${found})['${type}']`, read }));
  return { parts, otherwise: null };
}

interface Numbers {
  readonly all: readonly Column[];
  readonly sql: string;
  readonly only: string;
}

/** Percentiles of one field with the same filters are one aggregate; DuckDB computes equal calls once. */
function percentile(column: Column, { all, sql, only }: Numbers): SqlValue {
  const filters = JSON.stringify(column.filters ?? []);
  const shares = new Set<number>();
  for (const other of all) {
    const share = percentileOf(other.aggregate);
    if (share === null || other.field !== column.field) continue;
    if (JSON.stringify(other.filters ?? []) === filters) shares.add(share);
  }
  const sorted = [...shares].sort((a, b) => a - b);
  const share = percentileOf(column.aggregate) ?? 0.5;
  if (sorted.length <= 1) return single(`quantile_cont(${sql}, ${share})${only}`);
  const place = sorted.indexOf(share) + 1;
  return single(`(quantile_cont(${sql}, [${sorted.join(", ")}])${only})[${place}]`);
}
