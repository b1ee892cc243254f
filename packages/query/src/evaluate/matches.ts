/**
 * Whether an event matches filters: the plain meaning of a filter, on one event. The SQL of `sql-filter` must agree.
 */

import {
  compareUtf8,
  compareValues,
  EpsilonError,
  type Event,
  type FieldValue,
  formatTimestamp,
  parseTimestamp,
  parseUuid,
} from "@epsilon/model";
import type { ComparisonOp, Filter } from "../query.ts";
import { compilePattern } from "../regex.ts";
import { resolveTime } from "../time.ts";

/**
 * Whether an event matches all filters. `nowMicros` is what times such as `7d` count from, `zone` where dates begin.
 * Throws `bad_query` for a pattern that cannot be evaluated, or a relative time without `nowMicros`.
 */
export function matches(filters: readonly Filter[], event: Event, nowMicros?: bigint, zone = "UTC"): boolean {
  return filters.every((filter) => matchesOne(filter, event, { nowMicros, zone }));
}

interface Moment {
  readonly nowMicros: bigint | undefined;
  readonly zone: string;
}

function matchesOne(filter: Filter, event: Event, moment: Moment): boolean {
  switch (filter.kind) {
    case "compare":
      return compares(event, filter.field, filter.op, filter.value, moment);
    case "in":
      return filter.values.some((value) => compares(event, filter.field, "=", value, moment));
    case "text": {
      const value = filter.field === "_ts" ? undefined : fieldOf(event, filter.field);
      return typeof value === "string" && textMatches(filter.op, value, filter.value);
    }
    case "exists":
      return fieldOf(event, filter.field) !== undefined;
    case "any":
      return filter.filters.some((inner) => matchesOne(inner, event, moment));
    case "all":
      return filter.filters.every((inner) => matchesOne(inner, event, moment));
    case "not":
      return !matchesOne(filter.filter, event, moment);
  }
}

/** A field's value in an event; `_ts` as RFC 3339, `_id` and `_rev` as they stand. */
export function fieldOf(event: Event, field: string): FieldValue | undefined {
  if (field === "_ts") return formatTimestamp(event.tsMicros);
  if (field === "_id") return event.id;
  if (field === "_rev") return event.rev;
  return event.fields.get(field);
}

/**
 * The instant that `_ts` is compared with: a time as text, or milliseconds since 1970; null for what is neither.
 * Throws what `resolveTime` and `parseTimestamp` throw, and `bad_query` for a relative time without a clock.
 */
export function timeOf(value: FieldValue, nowMicros: bigint | undefined, zone: string): bigint | null {
  if (typeof value === "boolean") return null;
  if (typeof value === "number") return parseTimestamp(value);
  if (nowMicros !== undefined) return resolveTime(value, nowMicros, zone);
  const day = 86_400_000_000n;
  const micros = resolveTime(value, 30n * day, zone);
  if (micros === resolveTime(value, 31n * day, zone)) return micros;
  throw new EpsilonError(
    "bad_query",
    `_ts is compared with ${JSON.stringify(value)}: give a time that stands`,
  );
}

function compares(event: Event, field: string, op: ComparisonOp, value: FieldValue, moment: Moment): boolean {
  if (field === "_ts") {
    const micros = timeOf(value, moment.nowMicros, moment.zone);
    if (micros === null) return false;
    return holds(op, event.tsMicros < micros ? -1 : event.tsMicros > micros ? 1 : 0);
  }
  const given = fieldOf(event, field);
  if (given === undefined || typeof given !== typeof value) return false;
  const wanted = field === "_id" ? (parseUuid(String(value)) ?? value) : value;
  return holds(op, compareValues(given, wanted));
}

function holds(op: ComparisonOp, comparison: number): boolean {
  switch (op) {
    case "=":
      return comparison === 0;
    case "!=":
      return comparison !== 0;
    case "<":
      return comparison < 0;
    case "<=":
      return comparison <= 0;
    case ">":
      return comparison > 0;
    case ">=":
      return comparison >= 0;
  }
}

const patterns = new Map<string, RegExp>();
const patternsKept = 100;

function textMatches(op: "contains" | "starts_with" | "matches", value: string, wanted: string): boolean {
  if (op === "contains") return value.includes(wanted);
  if (op === "starts_with") return compareUtf8(value.slice(0, wanted.length), wanted) === 0;
  const known = patterns.get(wanted);
  if (known !== undefined) return known.test(value);
  const pattern = compilePattern(wanted);
  if (patterns.size >= patternsKept) patterns.clear();
  patterns.set(wanted, pattern);
  return pattern.test(value);
}
