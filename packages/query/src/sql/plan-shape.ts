/** What the statements of a plan found, as an answer: cells become values, rates are divided, points get their order. */

import { EpsilonError, limits } from "@epsilon/model";
import { fieldNotes, type TypesOf, truncatedNote } from "../answer-notes.ts";
import { pointSeconds, seriesRow, spanSeconds, summaryRow } from "../answer-row.ts";
import { pointStart } from "../calendar.ts";
import type { Answer, AnswerRow, AnswerValue, Note, Query } from "../query.ts";
import type { Named, Range, Statement } from "./plan-statement.ts";
import { readValue } from "./sql-value.ts";

/** A plan, for whoever reads its results: what was asked for, and at which place each statement stands. */
export interface Parts extends Statement {
  readonly query: Query;
  readonly range: Range;
  readonly zone: string;
  readonly spanAt: number | null;
  readonly othersAt: number | null;
  readonly seriesAt: number | null;
  readonly typesOf: TypesOf;
}

type Cells = readonly unknown[];

/** Throws `query_too_large` for more points than an answer may have. */
export function shapeAnswer(
  parts: Parts,
  results: readonly (readonly Cells[])[],
): Omit<Answer, "eventsScanned"> {
  const at = (index: number | null): readonly Cells[] => (index === null ? [] : (results[index] ?? []));
  const found = at(0);
  const grouped = parts.groups.length > 0;
  const chosen = grouped ? found.slice(0, parts.limit) : found;
  const seconds = spanSeconds(parts.range, spanOf(at(parts.spanAt)[0]));
  const places = new Map<string, number>();
  const summary = chosen.map((cells): AnswerRow => {
    const { groups, columns } = readCells(parts, cells);
    places.set(JSON.stringify(groups), places.size);
    return summaryRow(parts.query, { groups, columns, seconds, others: false });
  });
  for (const cells of at(parts.othersAt)) {
    const columns = readAll(parts.columns, cells);
    const groups = parts.groups.map(() => null);
    summary.push(summaryRow(parts.query, { groups, columns, seconds, others: true }));
  }
  return {
    summary,
    ...(parts.seriesAt === null ? {} : { series: seriesOf(parts, at(parts.seriesAt), places) }),
    notes: notesOf(parts, grouped && found.length > parts.limit),
  };
}

function notesOf({ query, typesOf, limit }: Parts, more: boolean): readonly Note[] {
  const cut = more && query.limit === undefined && !query.others;
  return [...fieldNotes(query, typesOf), ...(cut ? [truncatedNote("groups", limit)] : [])];
}

function spanOf(cells: Cells | undefined): { readonly first: bigint; readonly last: bigint } | null {
  const [first, last] = [cells?.[0], cells?.[1]];
  if (first === null || first === undefined || last === null || last === undefined) return null;
  return { first: BigInt(first as bigint), last: BigInt(last as bigint) };
}

function readAll(named: readonly Named[], cells: Cells): readonly AnswerValue[] {
  let at = 0;
  return named.map(({ value }) => {
    const from = at;
    at += value.parts.length;
    return readValue(value, cells.slice(from, at));
  });
}

function readCells(
  parts: Parts,
  cells: Cells,
): { readonly groups: readonly AnswerValue[]; readonly columns: readonly AnswerValue[] } {
  const count = parts.groups.reduce((sum, { value }) => sum + value.parts.length, 0);
  return {
    groups: readAll(parts.groups, cells.slice(0, count)),
    columns: readAll(parts.columns, cells.slice(count)),
  };
}

interface PlacedRow {
  readonly key: bigint;
  readonly place: number;
  readonly row: AnswerRow;
}

/** The statement sorts by point; within a point the groups come as in the summary, the others last. */
function seriesOf(
  parts: Parts,
  rows: readonly Cells[],
  places: ReadonlyMap<string, number>,
): readonly AnswerRow[] {
  if (rows.length > limits.seriesPointsMax) {
    throw new EpsilonError(
      "query_too_large",
      `the series has more than ${limits.seriesPointsMax} rows; take wider points, fewer groups or a shorter time`,
    );
  }
  const { pointSize } = parts.query;
  if (pointSize === undefined) return [];
  const placed = rows.map(([point, hit, ...cells]): PlacedRow => {
    const key = BigInt(point as bigint | number);
    const others = hit !== true;
    const { groups, columns } = readCells(parts, cells);
    const start = pointStart(key, pointSize, parts.zone);
    const seconds = pointSeconds(parts.range, { start, end: pointStart(key + 1n, pointSize, parts.zone) });
    const place = others ? places.size + 1 : (places.get(JSON.stringify(groups)) ?? places.size);
    return { key, place, row: seriesRow(parts.query, { start, groups, columns, seconds, others }) };
  });
  const direction = parts.order.pointsDescending ? -1 : 1;
  return placed
    .sort((a, b) => (a.key === b.key ? a.place - b.place : a.key < b.key ? -direction : direction))
    .map(({ row }) => row);
}
