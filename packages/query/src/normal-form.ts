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
import type { Aggregate, Column, ComparisonOp, Filter, GroupBy, OrderBy, PointSize, Query } from "./query.ts";
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

/** Aggregates of what is no number: the time and the id. */
const keyAggregates: readonly Aggregate[] = ["min", "max", "first", "last", "count", "count_distinct"];

/** How deep conditions may lie within each other, as `any`, `all` and `not` count it. */
export const nestingMax = 100;

const limitMax = 1_000_000;

/** Names that the answer gives itself. */
const answerNames = ["_ts", "_others"];

/** `expected` is what a caret in the text may be labelled with. */
export function badQuery(message: string, expected?: string): EpsilonError {
  return new EpsilonError("bad_query", message, expected === undefined ? {} : { details: { expected } });
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
  if (field !== "_id") return value === 0 ? 0 : value;
  const id = typeof value === "string" ? parseUuid(value) : undefined;
  if (id === undefined) throw badQuery("_id is compared with a UUID, as a text", "a UUID in quotes");
  return id;
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

/** A comparison with a value. Ids have no order that means anything, so they are only equal or not. */
export function compareFilter(field: string, op: ComparisonOp, value: FieldValue): Filter {
  if (field === "_id" && op !== "=" && op !== "!=")
    throw badQuery(`_id is compared with = != or in, not ${op}`);
  return { kind: "compare", field: fieldName(field), op, value: filterValue(field, value) };
}

/** Equality with one of several values. A time is a point, and a list of points is never meant. */
export function inFilter(field: string, values: readonly FieldValue[]): Filter {
  if (field === "_ts") throw badQuery("_ts is compared with = != < <= > >=, not in a list");
  if (values.length === 0) throw badQuery(`${field}: "in" needs at least one value`);
  return { kind: "in", field: fieldName(field), values: values.map((value) => filterValue(field, value)) };
}

/** A condition on a text. */
export function textFilter(field: string, op: "contains" | "starts_with" | "matches", value: string): Filter {
  if (field === "_ts") throw badQuery(`_ts is compared with = != < <= > >=, not with ${op}`);
  if (field === "_id") throw badQuery(`_id is compared with = != or in, not with ${op}`);
  const wanted = filterValue(field, value);
  if (op === "matches") checkPattern(value);
  return { kind: "text", field: fieldName(field), op, value: String(wanted) };
}

/** The conditions again. Throws `bad_query` if they lie too deep within each other. */
export function checkNesting(filters: readonly Filter[]): readonly Filter[] {
  if (filters.every((filter) => depthOf(filter) <= nestingMax)) return filters;
  throw badQuery(`conditions nested in more than ${nestingMax} levels`);
}

function depthOf(filter: Filter): number {
  if (filter.kind === "not") return 1 + depthOf(filter.filter);
  if (filter.kind !== "any" && filter.kind !== "all") return 0;
  return 1 + filter.filters.reduce((most, inner) => Math.max(most, depthOf(inner)), 0);
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
  const aggregate = aggregateOf(parts.aggregate);
  if (parts.field === undefined && !fieldless.includes(aggregate)) {
    throw badQuery(`${aggregate} needs a field: ${aggregate}(bytes)`, `${aggregate}(field)`);
  }
  if ((parts.field === "_ts" || parts.field === "_id") && !keyAggregates.includes(aggregate)) {
    throw badQuery(
      `${aggregate}(${parts.field}): ${parts.field} is no number; it has ${keyAggregates.join(", ")}`,
      keyAggregates.join(", "),
    );
  }
  const filters = parts.filters ?? [];
  return {
    aggregate,
    ...(parts.field === undefined ? {} : { field: fieldName(parts.field) }),
    ...(filters.length === 0 ? {} : { filters }),
    ...(parts.as === undefined ? {} : { as: answerName(parts.as) }),
  };
}

/** An aggregate by its name. Throws `bad_query` with those there are. */
export function aggregateOf(name: string): Aggregate {
  const aggregate = aggregates.find((known) => known === name);
  if (aggregate !== undefined) return aggregate;
  const known = aggregates.join(", ");
  throw badQuery(`${JSON.stringify(name.slice(0, 100))} is no aggregate: there are ${known}`, known);
}

function answerName(name: string): string {
  if (!answerNames.includes(name)) return fieldName(name);
  throw badQuery(`a column cannot be named ${name}, which the answer itself uses`);
}

/** A group by a field's value. */
export function fieldGroup(field: string): GroupBy {
  if (field === "_ts") throw groupedTime();
  if (answerNames.includes(field)) throw badQuery(`no event has a field ${field}`);
  return { kind: "field", field: fieldName(field) };
}

/** A group by stretches of a number. */
export function bucketGroup(field: string, width: number): GroupBy {
  if (!(width > 0 && Number.isFinite(width))) throw badQuery(`a bucket is wider than 0, not ${width}`);
  if (field === "_ts") throw groupedTime();
  return { kind: "bucket", field: fieldName(field), width };
}

function groupedTime(): EpsilonError {
  return badQuery("to group by time use point_size (POINT SIZE 1h), or a part of it: hour(_ts)");
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
  const [, digits, unit] = /^([1-9]\d{0,5}|1000000)(s|mo|m|h|d|w)$/.exec(text) ?? [];
  const known = (["s", "m", "h", "d", "w", "mo"] as const).find((each) => each === unit);
  if (digits === undefined || known === undefined) {
    throw badQuery(
      `${JSON.stringify(text.slice(0, 100))} is no point size: 15s, 1m, 1h, 1d, 1w, 1mo or a multiple`,
    );
  }
  return { count: Number(digits), unit: known };
}

export function makeLimit(limit: number): number {
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= limitMax) return limit;
  throw badQuery(
    `limit is an integer from 1 to ${limitMax}, not ${limit}`,
    `an integer from 1 to ${limitMax}`,
  );
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
  for (const order of query.orderBy) {
    // Events have whatever fields they have.
    if (isRaw) fieldName(order.name);
    else checkOrder(order, names, query);
  }
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

/** The value, of which nothing can be changed any more. */
export function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}
