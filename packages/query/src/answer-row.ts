/** Rows of an answer: names beside values, and rates divided by their seconds. Shared by SQL and plain evaluation. */

import { formatTimestamp } from "@epsilon/model";
import { columnName, groupName } from "./column-name.ts";
import { columnsOf } from "./order.ts";
import type { AnswerRow, AnswerValue, Query } from "./query.ts";

/** A group's values, and its columns before rates are divided. */
export interface RowValues {
  readonly groups: readonly AnswerValue[];
  readonly columns: readonly AnswerValue[];
  /** What rates are divided by; null where there is no length of time. */
  readonly seconds: number | null;
  readonly others: boolean;
}

/** A row of the summary. */
export function summaryRow(query: Query, values: RowValues): AnswerRow {
  return Object.fromEntries(entriesOf(query, values));
}

/** A row of the series: the point's first instant before the rest. */
export function seriesRow(query: Query, values: RowValues & { readonly start: bigint }): AnswerRow {
  return Object.fromEntries([["_ts", formatTimestamp(values.start)], ...entriesOf(query, values)]);
}

function entriesOf(query: Query, { groups, columns, seconds, others }: RowValues): [string, AnswerValue][] {
  const entries: [string, AnswerValue][] = [];
  for (const [index, group] of query.groupBy.entries())
    entries.push([groupName(group), groups[index] ?? null]);
  for (const [index, column] of columnsOf(query).entries()) {
    const value = columns[index] ?? null;
    entries.push([columnName(column), column.aggregate === "rate" ? perSecond(value, seconds) : value]);
  }
  if (others) entries.push(["_others", true]);
  return entries;
}

function perSecond(value: AnswerValue, seconds: number | null): AnswerValue {
  if (typeof value !== "number" || seconds === null || seconds <= 0) return null;
  const rate = value / seconds;
  return Number.isFinite(rate) ? rate : null;
}

interface Range {
  readonly startMicros: bigint | null;
  readonly endMicros: bigint | null;
}

/** The length of what a summary covers: its range where that has both ends, else from the first to the last event. */
export function spanSeconds(
  range: Range,
  found: { readonly first: bigint; readonly last: bigint } | null,
): number | null {
  const { startMicros, endMicros } = range;
  if (startMicros !== null && endMicros !== null) return secondsBetween(startMicros, endMicros);
  return found === null ? null : secondsBetween(found.first, found.last);
}

/** The length of a point, as far as it lies within the range. */
export function pointSeconds(
  range: Range,
  point: { readonly start: bigint; readonly end: bigint },
): number | null {
  const { startMicros, endMicros } = range;
  const start = startMicros !== null && startMicros > point.start ? startMicros : point.start;
  const end = endMicros !== null && endMicros < point.end ? endMicros : point.end;
  return secondsBetween(start, end);
}

function secondsBetween(start: bigint, end: bigint): number | null {
  return end > start ? Number(end - start) / 1e6 : null;
}
