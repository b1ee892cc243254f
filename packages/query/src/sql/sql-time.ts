/**
 * Parts of `_ts` and points of a series as SQL: whole numbers, as `calendar` counts them.
 *
 * In UTC all of it is integer arithmetic on `_ts` as it lies in the table. Another zone goes through DuckDB's ICU.
 */

import { dayText, isUtc, monthText, type PointGrid, pointGrid } from "../calendar.ts";
import type { AnswerValue, GroupBy, PointSize } from "../query.ts";
import { quoteString } from "../quote.ts";
import type { SqlPart } from "./sql-value.ts";

/** More than what lies between 1970 and the earliest time there is, in what a grid counts. */
const before1970: Readonly<Record<PointGrid["counts"], bigint>> = {
  micros: 62_200_000_000_000_000n,
  days: 720_000n,
  months: 24_000n,
};

/** A part of `_ts` in a zone. Days and months are counted from 1970, and get their text when they leave. */
export function partSql(part: (GroupBy & { kind: "part" })["part"], zone: string): SqlPart {
  const local = localSql(zone);
  switch (part) {
    case "hour":
      return { sql: `hour(${local})`, read: (cell) => Number(cell) };
    case "weekday":
      return { sql: `isodow(${local})`, read: (cell) => Number(cell) };
    case "day":
      return { sql: daysSql(local), read: (cell) => textOf(cell, dayText) };
    case "month":
      return { sql: monthsSql(local), read: (cell) => textOf(cell, monthText) };
  }
}

/** The number of the point that `_ts` belongs to: `calendar`'s `pointKey`. */
export function pointSql(size: PointSize, zone: string): string {
  const grid = pointGrid(size);
  switch (grid.counts) {
    case "micros":
      return floored("epoch_us(_ts)", grid);
    case "days":
      return floored(daysSql(localSql(zone)), grid);
    case "months":
      return floored(monthsSql(localSql(zone)), grid);
  }
}

/** `_ts` as a clock on the wall shows it. Does not depend on the session's own zone. */
function localSql(zone: string): string {
  return isUtc(zone) ? "_ts" : `timezone(${quoteString(zone)}, make_timestamptz(epoch_us(_ts)))`;
}

function daysSql(local: string): string {
  return `(${local}::DATE - DATE '1970-01-01')`;
}

function monthsSql(local: string): string {
  return `(year(${local}) * 12 + month(${local}) - 23641)`;
}

/** A quotient rounded down. SQL rounds towards zero, so the count is lifted above zero by a multiple of the width. */
function floored(sql: string, { counts, width, origin }: PointGrid): string {
  const lift = before1970[counts] / width + 1n;
  const shift = lift * width - origin;
  return `(${sql} + ${shift}) // ${width} - ${lift}`;
}

function textOf(cell: unknown, format: (count: bigint) => string): AnswerValue {
  return cell === null || cell === undefined ? null : format(BigInt(cell as bigint | number));
}
