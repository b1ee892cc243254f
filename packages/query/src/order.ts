/**
 * In which order groups and points come: the same reading of `order_by` and `descending` for SQL and plain evaluation.
 *
 * Groups: the keys of `order_by`, or the first column, greatest first; then the groups' own values, ascending. Null
 * comes last in both directions. `descending` turns all of it round exactly, so null comes first there.
 */

import { EpsilonError } from "@epsilon/model";
import { columnName, groupName } from "./column-name.ts";
import type { Column, Query } from "./query.ts";

export type Direction = "ascending" | "descending" | "reversed" | "ascendingNullsFirst";

/** One key of the order: the column or group at a place. */
export interface OrderKey {
  readonly of: "column" | "group";
  readonly index: number;
  readonly direction: Direction;
}

/** The order of an answer with columns. */
export interface Order {
  readonly groups: readonly OrderKey[];
  /** Whether points run backwards. */
  readonly pointsDescending: boolean;
}

/** A query for events as they are: nothing is aggregated. */
export function isRaw(query: Query): boolean {
  return query.columns.length === 0 && query.groupBy.length === 0 && query.pointSize === undefined;
}

/** The columns of a query; groups or points without any are counted. */
export function columnsOf(query: Query): readonly Column[] {
  return query.columns.length === 0 ? [{ aggregate: "count" }] : query.columns;
}

/** The keys to order by. Throws `bad_query` for a name that the answer does not have. */
export function orderOf(query: Query): Order {
  const columns = columnsOf(query).map(columnName);
  const groups = query.groupBy.map(groupName);
  const keys: OrderKey[] = [];
  let pointsDescending = query.descending;
  for (const { name, descending } of query.orderBy) {
    const column = columns.indexOf(name);
    const group = groups.indexOf(name);
    const direction = directionOf(descending, query.descending);
    if (column >= 0) keys.push({ of: "column", index: column, direction });
    else if (group >= 0) keys.push({ of: "group", index: group, direction });
    else if (name === "_ts" && query.pointSize !== undefined)
      pointsDescending = descending !== query.descending;
    else throw unknownName(name, [...columns, ...groups]);
  }
  if (keys.length === 0)
    keys.push({ of: "column", index: 0, direction: directionOf(true, query.descending) });
  for (const index of groups.keys()) {
    if (keys.some((key) => key.of === "group" && key.index === index)) continue;
    keys.push({ of: "group", index, direction: directionOf(false, query.descending) });
  }
  return { groups: keys, pointsDescending };
}

/** A key's direction, and the exact opposite of it if all is turned round. */
export function directionOf(descending: boolean, turned: boolean): Direction {
  if (descending) return turned ? "ascendingNullsFirst" : "descending";
  return turned ? "reversed" : "ascending";
}

function unknownName(name: string, known: readonly string[]): EpsilonError {
  return new EpsilonError(
    "bad_query",
    `ORDER BY ${JSON.stringify(name)}: the answer has no such column; it has ${known.join(", ")}`,
  );
}
