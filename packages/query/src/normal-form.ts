/**
 * One spelling for each meaning: what the query object and the query language have in common once their own syntax is
 * behind them. Everything that either of them refuses for its meaning is refused here.
 */

import {
  EpsilonError,
  type FieldValue,
  formatTimestamp,
  isWellFormedText,
  parseTimestamp,
  parseUuid,
} from "@epsilon/model";
import { columnName, groupName } from "./column-name.ts";
import type { Aggregate, Column, Filter, GroupBy, OrderBy, PointSize, Query } from "./query.ts";
import { checkPattern } from "./regex.ts";
import { checkTime } from "./time.ts";

export const aggregates: readonly Aggregate[] = [
  "count",
  "count_distinct",
  "sum",
  "avg",
  "min",
  "max",
  "stddev",
  "p50",
  "p90",
  "p95",
  "p99",
  "p999",
  "first",
  "last",
  "rate",
];

export const timeParts = ["hour", "weekday", "day", "month"] as const;

/** Aggregates that may go without a field. */
export const fieldless: readonly Aggregate[] = ["count", "rate"];

export function badQuery(message: string): EpsilonError {
  return new EpsilonError("bad_query", message);
}

/** A field's name again. Throws `bad_query` for what is no name. */
export function fieldName(name: string): string {
  if (name !== "" && isWellFormedText(name) && !name.includes("\u0000")) return name;
  throw badQuery(`${JSON.stringify(name.slice(0, 100))} is no field's name: it is empty, or no valid text`);
}

/** A value to compare a field with, as it stands in a filter. */
export function filterValue(field: string, value: FieldValue): FieldValue {
  if (field === "_ts") {
    if (typeof value === "boolean")
      throw badQuery('_ts is compared with a time: RFC 3339, a date, "now", or an age such as "7d"');
    return typeof value === "string" ? checkTime(value) : timeOfNumber(value);
  }
  if (typeof value === "number" && !Number.isFinite(value))
    throw badQuery(`${field}: a number that a double cannot hold`);
  if (typeof value === "string" && !isWellFormedText(value))
    throw badQuery(`${field}: a lone surrogate in a text`);
  if (typeof value === "string" && value.includes("\u0000"))
    throw badQuery(`${field}: no event has a NUL in a text`);
  if (field === "_id" && typeof value === "string") return parseUuid(value) ?? value;
  return value === 0 ? 0 : value;
}

function timeOfNumber(value: number): string {
  try {
    return formatTimestamp(parseTimestamp(value));
  } catch (cause) {
    throw new EpsilonError("bad_query", `_ts: ${cause instanceof Error ? cause.message : "no time"}`, {
      cause,
    });
  }
}

/** A condition on a text. */
export function textFilter(field: string, op: "contains" | "starts_with" | "matches", value: string): Filter {
  const wanted = filterValue(field === "_ts" ? "" : field, value);
  if (op === "matches") checkPattern(value);
  return { kind: "text", field: fieldName(field), op, value: String(wanted) };
}

/** All of them, as one filter. A list within a list is the same list. */
export function allOf(filters: readonly Filter[]): Filter {
  return group("all", filters);
}

/** Any of them, as one filter. */
export function anyOf(filters: readonly Filter[]): Filter {
  return group("any", filters);
}

function group(kind: "all" | "any", filters: readonly Filter[]): Filter {
  const flat = filters.flatMap((filter) => (filter.kind === kind ? filter.filters : [filter]));
  const [only] = flat;
  if (only === undefined) throw badQuery(`"${kind}" needs at least one condition`);
  return flat.length === 1 ? only : { kind, filters: flat };
}

/** The conditions that all have to hold. */
export function listOf(filter: Filter): readonly Filter[] {
  return filter.kind === "all" ? filter.filters : [filter];
}

/** A column. `filters` may be empty. */
export function makeColumn(parts: {
  readonly aggregate: string;
  readonly field?: string | undefined;
  readonly filters?: readonly Filter[] | undefined;
  readonly as?: string | undefined;
}): Column {
  const aggregate = aggregates.find((known) => known === parts.aggregate);
  if (aggregate === undefined) {
    throw badQuery(
      `${JSON.stringify(parts.aggregate.slice(0, 100))} is no aggregate: there are ${aggregates.join(", ")}`,
    );
  }
  if (parts.field === undefined && !fieldless.includes(aggregate)) {
    throw badQuery(`${aggregate} needs a field: ${aggregate}(bytes)`);
  }
  const filters = parts.filters ?? [];
  return {
    aggregate,
    ...(parts.field === undefined ? {} : { field: fieldName(parts.field) }),
    ...(filters.length === 0 ? {} : { filters }),
    ...(parts.as === undefined ? {} : { as: fieldName(parts.as) }),
  };
}

/** A group by a field's value. */
export function fieldGroup(field: string): GroupBy {
  if (field === "_ts") throw badQuery("to group by time give a point size (1h), or a part of it: hour(_ts)");
  return { kind: "field", field: fieldName(field) };
}

/** A group by stretches of a number. */
export function bucketGroup(field: string, width: number): GroupBy {
  if (!(width > 0 && Number.isFinite(width))) throw badQuery(`a bucket is wider than 0, not ${width}`);
  if (field === "_ts") throw badQuery("to group by time give a point size (1h), or a part of it: hour(_ts)");
  return { kind: "bucket", field: fieldName(field), width };
}

/** A group by a part of the time. */
export function partGroup(part: string, field: string): GroupBy {
  const known = timeParts.find((each) => each === part);
  if (known === undefined)
    throw badQuery(`${JSON.stringify(part.slice(0, 100))} is no part of a time: ${timeParts.join(", ")}`);
  if (field !== "_ts") throw badQuery(`${part} is a part of _ts, and of no other field: ${part}(_ts)`);
  return { kind: "part", part: known };
}

/** `15s`, `1h`, `1mo`. */
export function makePointSize(text: string): PointSize {
  const [, digits, unit] = /^([1-9]\d{0,5})(s|mo|m|h|d|w)$/.exec(text) ?? [];
  const known = (["s", "m", "h", "d", "w", "mo"] as const).find((each) => each === unit);
  if (digits === undefined || known === undefined) {
    throw badQuery(
      `${JSON.stringify(text.slice(0, 100))} is no point size: 15s, 1m, 1h, 1d, 1w, 1mo or a multiple`,
    );
  }
  return { count: Number(digits), unit: known };
}

export function makeLimit(limit: number): number {
  if (Number.isSafeInteger(limit) && limit >= 1) return limit;
  throw badQuery(`limit is an integer from 1, not ${limit}`);
}

/** The query, once its clauses hang together. Throws `bad_query`. */
export function makeQuery(query: Query): Query {
  const isRaw = query.columns.length === 0 && query.groupBy.length === 0 && query.pointSize === undefined;
  const columns = query.columns.length > 0 || isRaw ? query.columns : [{ aggregate: "count" } as const];
  const names = [...columns.map(columnName), ...query.groupBy.map(groupName)];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw badQuery(`two columns of the answer are named ${JSON.stringify(twice)}: name one with AS`);
  if (query.others && query.groupBy.length === 0)
    throw badQuery("others are groups: OTHERS needs a GROUP BY");
  if (!isRaw) for (const order of query.orderBy) checkOrder(order, names, query);
  return freeze({ ...query, columns });
}

function checkOrder({ name }: OrderBy, names: readonly string[], query: Query): void {
  if (names.includes(name) || (name === "_ts" && query.pointSize !== undefined)) return;
  throw badQuery(
    `to order by ${JSON.stringify(name)}: the answer has no such column; it has ${names.join(", ")}`,
  );
}

/** An empty query: the newest events. */
export const emptyQuery: Query = {
  columns: [],
  groupBy: [],
  filters: [],
  timeRange: {},
  orderBy: [],
  descending: false,
  others: false,
  sources: false,
};

function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}
