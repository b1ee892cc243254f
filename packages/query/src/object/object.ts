/** The query object: from JSON to a checked query, and back. The contract's own spelling; an unknown key is an error. */

import { EpsilonError, parseCollectionName } from "@epsilon/model";
import { columnName, groupName } from "../column-name.ts";
import {
  aggregateOf,
  badQuery,
  bucketGroup,
  emptyQuery,
  fieldGroup,
  freeze,
  makeColumn,
  makeLimit,
  makePointSize,
  makeQuery,
  partGroup,
} from "../normal-form.ts";
import type { Column, GroupBy, OrderBy, Query } from "../query.ts";
import { checkTime, checkTimezone } from "../time.ts";
import { filtersFromObject, filterToObject } from "./object-filter.ts";
import { at, isGiven, objectOf, textOf } from "./object-shape.ts";

const keys = [
  "columns",
  "group_by",
  "filters",
  "time_range",
  "order_by",
  "descending",
  "limit",
  "others",
  "point_size",
  "timezone",
  "sources",
] as const;

/** A query object, as `JSON.parse` gives it. Throws `bad_query`, naming the place. */
export function parseQueryObject(value: unknown): Query {
  const object = objectOf(value, "the query", keys);
  const columns = listAt(object["columns"], "columns").map((item, index) =>
    columnOf(item, `columns[${index}]`),
  );
  const groupBy = listAt(object["group_by"], "group_by").map((item, index) =>
    groupOf(item, `group_by[${index}]`),
  );
  const range = objectOf(object["time_range"] ?? {}, "time_range", ["start", "end"]);
  const pointSize = object["point_size"];
  const timezone = object["timezone"];
  const limit = object["limit"];
  const counted = columns.length === 0 && (groupBy.length > 0 || isGiven(pointSize));
  const names = [...(counted ? ["count"] : columns.map(columnName)), ...groupBy.map(groupName)];
  return makeQuery({
    ...emptyQuery,
    columns,
    groupBy,
    filters: filtersFromObject(object["filters"] ?? [], "filters"),
    timeRange: {
      ...(isGiven(range["start"])
        ? { start: at("time_range.start", () => checkTime(textOf(range["start"]))) }
        : {}),
      ...(isGiven(range["end"]) ? { end: at("time_range.end", () => checkTime(textOf(range["end"]))) } : {}),
    },
    orderBy: listAt(object["order_by"], "order_by").map((item, index) =>
      orderOf(item, `order_by[${index}]`, names),
    ),
    descending: flagAt(object["descending"], "descending"),
    ...(isGiven(limit) ? { limit: at("limit", () => makeLimit(numberOf(limit))) } : {}),
    others: flagAt(object["others"], "others"),
    ...(isGiven(pointSize) ? { pointSize: at("point_size", () => makePointSize(textOf(pointSize))) } : {}),
    ...(isGiven(timezone) ? { timezone: at("timezone", () => checkTimezone(textOf(timezone))) } : {}),
    sources: flagAt(object["sources"], "sources"),
  });
}

/** A query object from a request's body: the object itself, or `{"q":"SELECT …"}`, which `parse` reads. */
export function parseRequestObject(value: unknown, parse: (q: string) => Query): Query {
  if (typeof value !== "object" || value === null || !("q" in value)) return parseQueryObject(value);
  const object = objectOf(value, "the query", ["q", "sources"]);
  const query = parse(at("q", () => textOf(object["q"])));
  if (!isGiven(object["sources"])) return query;
  return freeze({ ...query, sources: flagAt(object["sources"], "sources") });
}

/** The contract's JSON object for a query: `parseQueryObject` gives the same query again. */
export function queryToObject(query: Query): Record<string, unknown> {
  const { timeRange, pointSize } = query;
  return {
    ...(query.columns.length > 0 ? { columns: query.columns.map(columnToObject) } : {}),
    ...(query.groupBy.length > 0 ? { group_by: query.groupBy.map(groupToObject) } : {}),
    ...(query.filters.length > 0 ? { filters: query.filters.map(filterToObject) } : {}),
    ...(timeRange.start === undefined && timeRange.end === undefined ? {} : { time_range: { ...timeRange } }),
    ...(query.orderBy.length > 0 ? { order_by: query.orderBy.map(orderToText) } : {}),
    ...(query.descending ? { descending: true } : {}),
    ...(query.limit === undefined ? {} : { limit: query.limit }),
    ...(query.others ? { others: true } : {}),
    ...(pointSize === undefined ? {} : { point_size: `${pointSize.count}${pointSize.unit}` }),
    ...(query.timezone === undefined ? {} : { timezone: query.timezone }),
    ...(query.sources ? { sources: true } : {}),
  };
}

/** A collection's name, as `FROM` has it. */
export function checkCollection(name: string): string {
  try {
    return parseCollectionName(name);
  } catch (cause) {
    throw new EpsilonError("bad_query", cause instanceof Error ? cause.message : "no collection", { cause });
  }
}

function columnOf(value: unknown, path: string): Column {
  return at(path, () => {
    if (typeof value === "string") return makeColumn({ aggregate: value });
    const object = objectOf(value, path, ["aggregate", "field", "name", "column", "filters", "as"]);
    const { filters, as } = object;
    return makeColumn({
      aggregate: at(`${path}.aggregate`, () => aggregateOf(textOf(object["aggregate"]))),
      field: fieldIn(object, path),
      filters: isGiven(filters) ? filtersFromObject(filters, `${path}.filters`) : undefined,
      as: isGiven(as) ? at(`${path}.as`, () => textOf(as)) : undefined,
    });
  });
}

function groupOf(value: unknown, path: string): GroupBy {
  return at(path, () => {
    if (typeof value === "string") return fieldGroup(value);
    const object = objectOf(value, path, ["field", "name", "column", "bucket", "part"]);
    const field = fieldIn(object, path);
    if (field === undefined) throw badQuery("field is missing");
    const { bucket, part } = object;
    if (isGiven(bucket) && isGiven(part)) throw badQuery("bucket or part, not both");
    if (isGiven(bucket)) return at(`${path}.bucket`, () => bucketGroup(field, numberOf(bucket)));
    if (isGiven(part)) return at(`${path}.part`, () => partGroup(textOf(part), field));
    return fieldGroup(field);
  });
}

/** `field`, which may also be called `name` or `column`. */
function fieldIn(object: Readonly<Record<string, unknown>>, path: string): string | undefined {
  const given = (["field", "name", "column"] as const).filter((key) => isGiven(object[key]));
  const [key, other] = given;
  if (other !== undefined) throw badQuery(`${key} and ${other} both name the field: give one`);
  return key === undefined ? undefined : at(`${path}.${key}`, () => textOf(object[key]));
}

/**
 * `"name"`, `"name asc"` or `"name desc"`. A name may itself end in such a word or have spaces around it, so a name that
 * the answer has is taken to the letter; only for want of one are spaces forgiven. Events have no names to look among.
 */
function orderOf(value: unknown, path: string, names: readonly string[]): OrderBy {
  return at(path, () => {
    const text = textOf(value);
    const exact = directed(text);
    if (names.includes(exact.name)) return exact;
    if (names.includes(text)) return { name: text, descending: false };
    if (names.length === 0) return exact;
    const { name, descending } = directed(text.trim());
    return { name: name.trim(), descending };
  });
}

function directed(text: string): OrderBy {
  const [, name, direction] = /^(.+)\s(asc|desc)$/is.exec(text) ?? [];
  if (name === undefined || direction === undefined) return { name: text, descending: false };
  return { name, descending: direction.toLowerCase() === "desc" };
}

function orderToText({ name, descending }: OrderBy): string {
  // Said in full, a direction at the end of a name is not taken for one.
  const endsLikeOne = /\s(?:asc|desc)$/iu.test(name);
  return descending ? `${name} desc` : endsLikeOne ? `${name} asc` : name;
}

function columnToObject(column: Column): Record<string, unknown> {
  return {
    aggregate: column.aggregate,
    ...(column.field === undefined ? {} : { field: column.field }),
    ...(column.filters === undefined ? {} : { filters: column.filters.map(filterToObject) }),
    ...(column.as === undefined ? {} : { as: column.as }),
  };
}

function groupToObject(group: GroupBy): Record<string, unknown> {
  switch (group.kind) {
    case "field":
      return { field: group.field };
    case "bucket":
      return { field: group.field, bucket: group.width };
    case "part":
      return { field: "_ts", part: group.part };
  }
}

function listAt(value: unknown, path: string): readonly unknown[] {
  if (!isGiven(value)) return [];
  if (Array.isArray(value)) return value;
  throw badQuery(`${path} is a list`);
}

function flagAt(value: unknown, path: string): boolean {
  if (!isGiven(value)) return false;
  if (typeof value === "boolean") return value;
  throw badQuery(`${path} is true or false`);
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : Number.NaN;
}
