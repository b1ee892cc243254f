/**
 * Filters as SQL conditions.
 *
 * A condition is TRUE exactly where the filter matches; elsewhere it may be FALSE or NULL, which WHERE and FILTER treat
 * alike. So comparisons stay bare (`status >= 500` prunes by zone maps), and only NOT has to say `IS NOT TRUE`.
 */

import { type FieldType, type FieldValue, parseUuid } from "@epsilon/model";
import { timeOf } from "../evaluate/matches.ts";
import type { Filter } from "../query.ts";
import { quoteString } from "../quote.ts";
import { checkPattern } from "../regex.ts";
import { fieldColumns, literal, type SqlContext } from "./sql-value.ts";

/**
 * The condition that all filters match, to stand in a WHERE: NULL counts as false. `zone` is where dates in
 * comparisons with `_ts` begin. Throws `bad_query` for a pattern that is no RE2.
 */
export function filterSql(filters: readonly Filter[], context: SqlContext, zone = "UTC"): string {
  if (filters.length === 0) return "true";
  return filters.map((filter) => conditionSql(filter, context, zone)).join(" AND ");
}

/** One filter, in parentheses wherever a neighbour could bind tighter. */
function conditionSql(filter: Filter, context: SqlContext, zone: string): string {
  switch (filter.kind) {
    case "compare":
      return compareSql(filter, context, zone);
    case "in":
      return inSql(filter, context, zone);
    case "text":
      return textSql(filter, context);
    case "exists": {
      const columns = fieldColumns(filter.field, context).map(({ sql }) => `${sql} IS NOT NULL`);
      return joined(columns, "OR", "false");
    }
    case "any":
      return joined(
        filter.filters.map((inner) => conditionSql(inner, context, zone)),
        "OR",
        "false",
      );
    case "all":
      return joined(
        filter.filters.map((inner) => conditionSql(inner, context, zone)),
        "AND",
        "true",
      );
    case "not":
      return `(${conditionSql(filter.filter, context, zone)}) IS NOT TRUE`;
  }
}

function joined(conditions: readonly string[], by: "AND" | "OR", none: string): string {
  const [first] = conditions;
  if (first === undefined) return none;
  return conditions.length === 1 ? first : `(${conditions.join(` ${by} `)})`;
}

function compareSql(filter: Filter & { kind: "compare" }, context: SqlContext, zone: string): string {
  const { field, value } = filter;
  const op = filter.op === "!=" ? "<>" : filter.op;
  if (field === "_ts") {
    const micros = timeOf(value, context.nowMicros, zone);
    return micros === null ? "false" : `_ts ${op} ${timeSql(micros)}`;
  }
  const side = comparedAs(field, value, context);
  return side === null ? "false" : `${side.sql} ${op} ${side.literal}`;
}

function inSql(filter: Filter & { kind: "in" }, context: SqlContext, zone: string): string {
  const { field } = filter;
  const lists = new Map<string, string[]>();
  for (const value of filter.values) {
    const side =
      field === "_ts" ? timeSide(timeOf(value, context.nowMicros, zone)) : comparedAs(field, value, context);
    if (side !== null) lists.set(side.sql, [...(lists.get(side.sql) ?? []), side.literal]);
  }
  const conditions = [...lists].map(([sql, literals]) => `${sql} IN (${literals.join(", ")})`);
  return joined(conditions, "OR", "false");
}

interface Side {
  readonly sql: string;
  readonly literal: string;
}

/** What a value is compared with, and how it is written there; null where the field has no values of its type. */
function comparedAs(field: string, value: FieldValue, context: SqlContext): Side | null {
  if (field === "_id") {
    if (typeof value !== "string") return null;
    const id = parseUuid(value);
    // Ids sort as their texts do, so what is no id is compared as a text.
    return id !== undefined
      ? { sql: "_id", literal: `${quoteString(id)}::UUID` }
      : { sql: "_id::VARCHAR", literal: quoteString(value) };
  }
  const column = fieldColumns(field, context).find(({ type }) => type === (typeof value as FieldType));
  return column === undefined ? null : { sql: column.sql, literal: literal(value) };
}

function timeSide(micros: bigint | null): Side | null {
  return micros === null ? null : { sql: "_ts", literal: timeSql(micros) };
}

function textSql(filter: Filter & { kind: "text" }, context: SqlContext): string {
  if (filter.op === "matches") checkPattern(filter.value);
  if (filter.field === "_ts") return "false";
  const column = fieldColumns(filter.field, context).find(({ type }) => type === "string");
  if (column === undefined) return "false";
  const text = quoteString(filter.value);
  const subject = column.leave(column.sql);
  switch (filter.op) {
    case "contains":
      return `contains(${subject}, ${text})`;
    case "starts_with":
      return `starts_with(${subject}, ${text})`;
    case "matches":
      return `regexp_matches(${subject}, ${text})`;
  }
}

/** An instant as a TIMESTAMP, which `_ts` is compared with. */
export function timeSql(micros: bigint): string {
  return `make_timestamp(${micros})`;
}
