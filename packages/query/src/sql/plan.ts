/**
 * A query as SQL over one table, and its results as an answer.
 *
 * Most queries are one plain statement. Others are further statements, to be run at the same moment: the span of time
 * (for `rate`), the groups beyond the limit, the points. If the first one found more groups than are wanted, those that need
 * the chosen ones choose them again in a CTE; else all groups are chosen, and nothing has to be joined.
 */

import { EpsilonError, limits } from "@epsilon/model";
import { columnName, groupName } from "../column-name.ts";
import { columnsOf, type Direction, isRaw, orderOf } from "../order.ts";
import type { GroupBy, Query } from "../query.ts";
import { resolveTime } from "../time.ts";
import { planRaw } from "./plan-raw.ts";
import { type Parts, shapeAnswer } from "./plan-shape.ts";
import type { Named, Plan, PlanStatement, Range, Results, Statement } from "./plan-statement.ts";
import { columnSql } from "./sql-column.ts";
import { filterSql, timeSql } from "./sql-filter.ts";
import { partSql, pointSql } from "./sql-time.ts";
import {
  fieldColumns,
  fieldValue,
  knownTypes,
  literal,
  orderTerms,
  type SqlContext,
  type SqlValue,
} from "./sql-value.ts";

/**
 * The statements for a query. Throws `bad_query` (a name in ORDER BY, a pattern, a time) and `query_too_large` (a limit
 * beyond `context.groupsMax`).
 */
export function planSql(query: Query, context: SqlContext): Plan {
  const zone = query.timezone ?? "UTC";
  const range = rangeOf(query, context.nowMicros);
  if (query.limit !== undefined && query.limit > context.groupsMax) throw limitTooLarge(context.groupsMax);
  const where = whereSql(query, { context, range, zone });
  if (isRaw(query)) return { ...planRaw(query, context, where), ...range };
  const columns = columnsOf(query);
  const statement: Statement = {
    table: context.table,
    where,
    groups: query.groupBy.map((group) => ({
      name: groupName(group),
      value: groupValue(group, context, zone),
    })),
    columns: columns.map((column) => ({
      name: columnName(column),
      value: columnSql(column, columns, context, zone),
    })),
    order: orderOf(query),
    limit: query.limit ?? limits.groupsDefaultCount,
  };
  const statements: PlanStatement[] = [() => summarySql(statement)];
  const add = (one: PlanStatement): number => statements.push(one) - 1;
  const hasMore = ([found = []]: Results): boolean => found.length > statement.limit;
  const others = query.others && query.groupBy.length > 0;
  const hasRate = columns.some(({ aggregate }) => aggregate === "rate");
  const bounded = range.startMicros !== null && range.endMicros !== null;
  const parts: Parts = {
    ...statement,
    query,
    range,
    zone,
    spanAt: hasRate && !bounded ? add(() => spanSql(statement)) : null,
    othersAt: others ? add((before) => (hasMore(before) ? othersSql(statement) : null)) : null,
    seriesAt:
      query.pointSize === undefined
        ? null
        : add(seriesOf(statement, { point: pointSql(query.pointSize, zone), others, hasMore })),
    typesOf: (field) => knownTypes(field, context),
  };
  return { statements, shape: (results) => shapeAnswer(parts, results), ...range };
}

function rangeOf(query: Query, nowMicros: bigint): Range {
  const zone = query.timezone ?? "UTC";
  const { start, end } = query.timeRange;
  return {
    startMicros: start === undefined ? null : resolveTime(start, nowMicros, zone),
    endMicros: end === undefined ? null : resolveTime(end, nowMicros, zone),
  };
}

function whereSql(
  query: Query,
  { context, range, zone }: { readonly context: SqlContext; readonly range: Range; readonly zone: string },
): string {
  const conditions = [
    ...(context.notBeforeMicros === undefined ? [] : [`_ts >= ${timeSql(context.notBeforeMicros)}`]),
    ...(range.startMicros === null ? [] : [`_ts >= ${timeSql(range.startMicros)}`]),
    ...(range.endMicros === null ? [] : [`_ts < ${timeSql(range.endMicros)}`]),
    ...(query.filters.length === 0 ? [] : [filterSql(query.filters, context, zone)]),
  ];
  return conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
}

/** A field that nobody has still makes one group: of null. */
const nullGroup: SqlValue = { parts: [{ sql: "NULL::VARCHAR", read: () => null }], otherwise: null };

function groupValue(group: GroupBy, context: SqlContext, zone: string): SqlValue {
  switch (group.kind) {
    case "part":
      return { parts: [partSql(group.part, zone)], otherwise: null };
    case "field": {
      const value = fieldValue(group.field, context);
      return value.parts.length === 0 ? nullGroup : value;
    }
    case "bucket": {
      const column = fieldColumns(group.field, context).find(({ type }) => type === "number");
      if (column === undefined) return nullGroup;
      const width = literal(group.width);
      return {
        // Plus zero, because a floor of -0 is no other bucket than that of 0.
        parts: [{ sql: `floor(${column.sql} / ${width}) * ${width} + 0`, read: column.read }],
        otherwise: null,
      };
    }
  }
}

function partsOf(named: readonly Named[]): readonly string[] {
  return named.flatMap(({ value }) => value.parts.map(({ sql }) => sql));
}

function numbered(count: number, from = 1): string {
  return Array.from({ length: count }, (_, index) => String(index + from)).join(", ");
}

/** ORDER BY over the groups. Constants say nothing, and DuckDB does not take them. */
function orderSql({ groups, columns, order }: Statement): string {
  const terms = order.groups.flatMap(({ of, index, direction }) => {
    const value = (of === "group" ? groups : columns)[index]?.value;
    return value === undefined || value === nullGroup ? [] : orderTerms(value, direction satisfies Direction);
  });
  return terms.length === 0 ? "" : ` ORDER BY ${terms.join(", ")}`;
}

/** One row a group, or one row over everything. One group more than asked for tells that there are more. */
function summarySql(statement: Statement): string {
  const groups = partsOf(statement.groups);
  const select = [...groups, ...partsOf(statement.columns)];
  const from = `FROM ${statement.table}${statement.where}`;
  // Every column may be of unknown fields; a row there is all the same.
  if (groups.length === 0)
    return `SELECT ${[...select, "count(*)"].slice(0, Math.max(1, select.length)).join(", ")} ${from}`;
  return `SELECT ${select.join(", ")} ${from} GROUP BY ${numbered(groups.length)}${orderSql(statement)} LIMIT ${statement.limit + 1}`;
}

function spanSql({ table, where }: Statement): string {
  return `SELECT epoch_us(min(_ts)), epoch_us(max(_ts)) FROM ${table}${where}`;
}

/** The chosen groups, as a CTE with names that no field can have. */
function chosenSql(statement: Statement): string {
  const groups = partsOf(statement.groups);
  const names = groups.map((sql, index) => `${sql} AS _k${index}`).join(", ");
  return `WITH _chosen AS (SELECT ${names}, true AS _hit FROM ${statement.table}${statement.where} GROUP BY ${numbered(groups.length)}${orderSql(statement)} LIMIT ${statement.limit})`;
}

function sameGroupSql(statement: Statement): string {
  return partsOf(statement.groups)
    .map((sql, index) => `${sql} IS NOT DISTINCT FROM _k${index}`)
    .join(" AND ");
}

/** One row over the events whose group was not chosen, if there are any. */
function othersSql(statement: Statement): string {
  const columns = partsOf(statement.columns);
  const select = [...columns, "count(*)"].join(", ");
  return `${chosenSql(statement)} SELECT ${select} FROM ${statement.table} ANTI JOIN _chosen ON ${sameGroupSql(statement)}${statement.where} HAVING count(*) > 0`;
}

/** A row a point and chosen group, and one a point for the others: point, whether chosen, group, columns. */
function seriesOf(
  statement: Statement,
  options: {
    readonly point: string;
    readonly others: boolean;
    readonly hasMore: (before: Results) => boolean;
  },
): PlanStatement {
  const { point, others, hasMore } = options;
  const columns = partsOf(statement.columns)
    .map((sql) => `, ${sql}`)
    .join("");
  const order = ` ORDER BY 1${statement.order.pointsDescending ? " DESC" : ""} LIMIT ${limits.seriesPointsMax + 1}`;
  const groups = partsOf(statement.groups);
  const count = groups.length;
  const from = `FROM ${statement.table}${statement.where}`;
  if (count === 0) return () => `SELECT ${point}, true${columns} ${from} GROUP BY 1${order}`;
  // Not grouped by the constant: hashing it takes a fifth of the statement's time.
  const all = `SELECT ${[point, "true", ...groups].join(", ")}${columns} ${from} GROUP BY 1, ${numbered(count, 3)}${order}`;
  const keys = Array.from({ length: count }, (_, index) => `, _k${index}`).join("");
  const join = others ? "LEFT JOIN" : "JOIN";
  const chosen = `${chosenSql(statement)} SELECT ${point}, _hit${keys}${columns} FROM ${statement.table} ${join} _chosen ON ${sameGroupSql(statement)}${statement.where} GROUP BY ${numbered(count + 2)}${order}`;
  return (before) => (hasMore(before) ? chosen : all);
}

function limitTooLarge(groupsMax: number): EpsilonError {
  return new EpsilonError("query_too_large", `the limit is above ${groupsMax}; ask for fewer, or in parts`);
}
