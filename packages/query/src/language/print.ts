/** A query as its one line of the query language. `parseQuery` gives the same query again. */

import type { FieldValue } from "@epsilon/model";
import { columnName, groupName } from "../column-name.ts";
import type { Column, Filter, GroupBy, OrderBy, Query } from "../query.ts";

const plainName = /^[\p{L}_][\p{L}\p{M}\p{N}_]*(?:[.-][\p{L}\p{M}\p{N}_]+)*$/u;
const plainTime = /^(?:\d{4}-\d{2}-\d{2}(?:[Tt]\d[\d:.]*(?:[Zz]|[+-]\d{2}:\d{2}))?|\d+(?:ms|[wdhms])|now)$/;
/** A field of such a name would be taken for something else somewhere. */
const keywords = new Set(
  "select from where group order by limit others point size since until timezone sources descending and or not in is null exists contains starts with matches if as asc desc true false now count rate distinct field".split(
    " ",
  ),
);

/** The line. */
export function printQuery(query: Query): string {
  const { columns, groupBy, filters, orderBy, pointSize, timeRange } = query;
  const clauses = [
    ...(columns.length > 0 ? [`SELECT ${columns.map(printColumn).join(", ")}`] : []),
    ...(query.collection === undefined ? [] : [`FROM ${printText(query.collection)}`]),
    ...(filters.length > 0 ? [`WHERE ${printFilter(filters)}`] : []),
    ...(groupBy.length > 0 ? [`GROUP BY ${groupBy.map(printGroup).join(", ")}`] : []),
    ...(orderBy.length > 0
      ? [`ORDER BY ${orderBy.map((order) => printOrder(order, query)).join(", ")}`]
      : []),
    ...(query.descending ? ["DESCENDING"] : []),
    ...(query.limit === undefined ? [] : [`LIMIT ${query.limit}`]),
    ...(query.others ? ["OTHERS"] : []),
    ...(pointSize === undefined ? [] : [`POINT SIZE ${pointSize.count}${pointSize.unit}`]),
    ...(timeRange.start === undefined ? [] : [`SINCE ${printTime(timeRange.start)}`]),
    ...(timeRange.end === undefined ? [] : [`UNTIL ${printTime(timeRange.end)}`]),
    ...(query.timezone === undefined ? [] : [`TIMEZONE ${printText(query.timezone)}`]),
    ...(query.sources ? ["SOURCES"] : []),
  ];
  return clauses.length === 0 ? "SELECT *" : clauses.join(" ");
}

/** What stands after WHERE; empty for no condition. */
export function printFilter(filters: readonly Filter[]): string {
  return filters.map((filter) => printOne(filter, "AND")).join(" AND ");
}

function printColumn(column: Column): string {
  const call = printCall(column);
  const condition = column.filters === undefined ? "" : ` IF (${printFilter(column.filters)})`;
  return `${call}${condition}${column.as === undefined ? "" : ` AS ${printName(column.as)}`}`;
}

function printCall({ aggregate, field }: Column): string {
  return field === undefined ? aggregate : `${aggregate}(${printField(field)})`;
}

function printGroup(group: GroupBy): string {
  switch (group.kind) {
    case "field":
      return printField(group.field);
    case "bucket":
      return `bucket(${printField(group.field)}, ${group.width})`;
    case "part":
      return `${group.part}(_ts)`;
  }
}

/** Where it is the name of a column or group, the way that is written; else the name in quotes. */
function printOrder({ name, descending }: OrderBy, query: Query): string {
  const column = query.columns.find((each) => columnName(each) === name);
  const group = query.groupBy.find((each) => groupName(each) === name);
  const direction = descending ? " DESC" : "";
  if (
    column?.filters === undefined &&
    column !== undefined &&
    column.as === undefined &&
    column.field !== undefined
  )
    return `${printCall(column)}${direction}`;
  if (column === undefined && group !== undefined && group.kind !== "field")
    return `${printGroup(group)}${direction}`;
  return `${plainName.test(name) ? printOrderWord(name) : printText(name)}${direction}`;
}

/** `count` is no keyword here. */
function printOrderWord(name: string): string {
  return name === "count" || name === "rate" || !keywords.has(name.toLowerCase()) ? name : printText(name);
}

function printOne(filter: Filter, within: "AND" | "OR" | "NOT"): string {
  switch (filter.kind) {
    case "compare":
      return `${printField(filter.field)} ${filter.op} ${printValue(filter.value)}`;
    case "in":
      return `${printField(filter.field)} IN (${filter.values.map(printValue).join(", ")})`;
    case "text":
      return `${printField(filter.field)} ${filter.op.replace("_", " ").toUpperCase()} ${printText(filter.value)}`;
    case "exists":
      return `${printField(filter.field)} EXISTS`;
    case "not":
      return `NOT ${printOne(filter.filter, "NOT")}`;
    case "any":
      return `(${filter.filters.map((inner) => printOne(inner, "OR")).join(" OR ")})`;
    case "all": {
      const text = filter.filters.map((inner) => printOne(inner, "AND")).join(" AND ");
      return within === "OR" ? text : `(${text})`;
    }
  }
}

function printField(name: string): string {
  return plainName.test(name) && !keywords.has(name.toLowerCase()) ? name : `field(${printText(name)})`;
}

function printName(name: string): string {
  return plainName.test(name) && !keywords.has(name.toLowerCase()) ? name : printText(name);
}

function printTime(text: string): string {
  return plainTime.test(text) ? text : printText(text);
}

function printValue(value: FieldValue): string {
  return typeof value === "string" ? printText(value) : String(value);
}

/** A text in double quotes. */
function printText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
  const escaped = text.replaceAll(/["\\\u0000-\u001f\u007f-\u009f\ud800-\udfff]/gu, escapeOf);
  return `"${escaped}"`;
}

function escapeOf(character: string): string {
  if (character === '"' || character === "\\") return `\\${character}`;
  if (character === "\n") return "\\n";
  if (character === "\r") return "\\r";
  if (character === "\t") return "\\t";
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
