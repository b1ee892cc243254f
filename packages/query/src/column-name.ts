/** What the columns and groups of an answer are called: as they are written in the query language. */

import type { Column, GroupBy } from "./query.ts";

/**
 * The name of a column in the answer: `as`, or `count`, `sum(bytes)`. A column with filters of its own and no `as` has
 * ` if` after that, so that it differs from the same column without them.
 */
export function columnName(column: Column): string {
  if (column.as !== undefined) return column.as;
  const name = column.field === undefined ? column.aggregate : `${column.aggregate}(${column.field})`;
  return column.filters !== undefined && column.filters.length > 0 ? `${name} if` : name;
}

/** The name of a group in the answer: `host`, `bucket(duration_ms, 100)`, `hour(_ts)`. */
export function groupName(group: GroupBy): string {
  switch (group.kind) {
    case "field":
      return group.field;
    case "bucket":
      return `bucket(${group.field}, ${group.width})`;
    case "part":
      return `${group.part}(_ts)`;
  }
}
