/** Raw events as SQL: the newest first, or by what `order_by` names. */

import { assert, limits } from "@epsilon/model";
import { fieldNotes, truncatedNote } from "../answer-notes.ts";
import { directionOf } from "../order.ts";
import type { Query } from "../query.ts";
import type { Plan } from "./plan-statement.ts";
import { fieldColumns, knownTypes, orderTerms, type SqlContext } from "./sql-value.ts";

/** The statement for a query without aggregates. One event more than wanted tells that there are more. */
export function planRaw(
  query: Query,
  context: SqlContext,
  where: string,
): Pick<Plan, "statements" | "shape"> {
  const { events } = context;
  assert(events !== undefined, "a query for raw events, and the context does not say how they are read");
  const limit = query.limit ?? limits.eventsDefaultCount;
  const sql = `SELECT ${events.select} FROM ${context.table}${where} ORDER BY ${rawOrderSql(query, context)} LIMIT ${limit + 1}`;
  return {
    statements: [() => sql],
    shape: ([rows = []]) => {
      const more = rows.length > limit && query.limit === undefined;
      return {
        events: rows.slice(0, limit).map((row) => events.row(row)),
        notes: [
          ...fieldNotes(query, (field) => knownTypes(field, context)),
          ...(more ? [truncatedNote("events", limit)] : []),
        ],
      };
    },
  };
}

/** Whatever is named first, then the key: newest first unless the order is by time and says otherwise. */
function rawOrderSql(query: Query, context: SqlContext): string {
  const terms: string[] = [];
  for (const { name, descending } of query.orderBy) {
    if (name === "_ts") {
      // The id decides between events of one time, so nothing after it matters.
      return [...terms, keySql(descending !== query.descending)].join(", ");
    }
    const parts = fieldColumns(name, context).map(({ sql }) => ({ sql, read: () => null }));
    terms.push(...orderTerms({ parts, otherwise: null }, directionOf(descending, query.descending)));
  }
  return [...terms, keySql(!query.descending)].join(", ");
}

function keySql(descending: boolean): string {
  return descending ? "_ts DESC, _id DESC" : "_ts, _id";
}
