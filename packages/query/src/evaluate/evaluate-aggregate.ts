/** Aggregates over an array of events, as plainly as they can be said. What DuckDB computes must be the same. */

import { assert, compareValues, type Event, unreachable } from "@epsilon/model";
import type { AnswerValue, Column } from "../query.ts";
import { fieldOf, matches } from "./matches.ts";

interface Moment {
  readonly nowMicros: bigint;
  readonly zone: string;
}

/** A column over events in key order. A `rate` is not divided yet. */
export function aggregate(column: Column, events: readonly Event[], moment: Moment): AnswerValue {
  const { filters, field } = column;
  const own =
    filters === undefined
      ? events
      : events.filter((event) => matches(filters, event, moment.nowMicros, moment.zone));
  if (field === undefined) {
    assert(column.aggregate === "count" || column.aggregate === "rate", `${column.aggregate} of no field`);
    return own.length;
  }
  const values = own.map((event) => fieldOf(event, field)).filter((value) => value !== undefined);
  const numbers = values.filter((value) => typeof value === "number");
  switch (column.aggregate) {
    case "count":
      return values.length;
    case "count_distinct":
      return new Set(values).size;
    case "sum":
    case "rate":
      return numbers.length === 0 ? null : finite(sumOf(numbers));
    case "avg":
      return numbers.length === 0 ? null : finite(sumOf(numbers) / numbers.length);
    case "stddev":
      return deviation(numbers);
    case "min":
      return [...values].sort(compareValues)[0] ?? null;
    case "max":
      return [...values].sort(compareValues).at(-1) ?? null;
    case "first":
      return values[0] ?? null;
    case "last":
      return values.at(-1) ?? null;
    case "p50":
      return percentile(numbers, 0.5);
    case "p90":
      return percentile(numbers, 0.9);
    case "p95":
      return percentile(numbers, 0.95);
    case "p99":
      return percentile(numbers, 0.99);
    case "p999":
      return percentile(numbers, 0.999);
    default:
      return unreachable(column.aggregate);
  }
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, value) => sum + value, 0);
}

/** The standard deviation of a sample: null for fewer than two. */
function deviation(numbers: readonly number[]): number | null {
  if (numbers.length < 2) return null;
  const mean = sumOf(numbers) / numbers.length;
  const squares = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return finite(Math.sqrt(squares / (numbers.length - 1)));
}

/** The value below which a share lies, on the straight line between the two nearest. */
function percentile(numbers: readonly number[], share: number): number | null {
  const sorted = [...numbers].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (below === undefined || above === undefined) return null;
  return finite(below + (above - below) * (place - Math.floor(place)));
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
