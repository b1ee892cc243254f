/**
 * A query, parsed and checked: what the query object and the query language both become. Plain, frozen data with one
 * spelling for each meaning, so that "parse, print, parse again" is the same.
 */

import type { FieldValue } from "@epsilon/model";

export type Aggregate =
  | "count"
  | "count_distinct"
  | "sum"
  | "avg"
  | "min"
  | "max"
  | "stddev"
  | "p50"
  | "p90"
  | "p95"
  | "p99"
  | "p999"
  | "first"
  | "last"
  | "rate";

/** One aggregated column. `count` may go without a field; `rate` too (events per second). */
export interface Column {
  readonly aggregate: Aggregate;
  readonly field?: string;
  /** Only events that match all of these count for this column. */
  readonly filters?: readonly Filter[];
  /** The column's name in the answer; `columnName` gives the default. */
  readonly as?: string;
}

export type ComparisonOp = "=" | "!=" | "<" | "<=" | ">" | ">=";

export type Filter =
  | {
      readonly kind: "compare";
      readonly field: string;
      readonly op: ComparisonOp;
      readonly value: FieldValue;
    }
  | { readonly kind: "in"; readonly field: string; readonly values: readonly FieldValue[] }
  | {
      readonly kind: "text";
      readonly field: string;
      readonly op: "contains" | "starts_with" | "matches";
      readonly value: string;
    }
  | { readonly kind: "exists"; readonly field: string }
  | { readonly kind: "any"; readonly filters: readonly Filter[] }
  | { readonly kind: "all"; readonly filters: readonly Filter[] }
  | { readonly kind: "not"; readonly filter: Filter };

export type GroupBy =
  | { readonly kind: "field"; readonly field: string }
  | { readonly kind: "bucket"; readonly field: string; readonly width: number }
  | { readonly kind: "part"; readonly part: "hour" | "weekday" | "day" | "month" };

/** As written: RFC 3339, a date, `now`, or an age such as `7d`. Resolved against a clock and a zone when planned. */
export type TimeText = string;

export interface OrderBy {
  /** A column's or a group's name, as in the answer. */
  readonly name: string;
  readonly descending: boolean;
}

/** The width of a point in time: `15s`, `1m`, `1h`, `1d`, `1w`, `1mo` and multiples. */
export interface PointSize {
  readonly count: number;
  readonly unit: "s" | "m" | "h" | "d" | "w" | "mo";
}

export interface Query {
  readonly columns: readonly Column[];
  readonly groupBy: readonly GroupBy[];
  readonly filters: readonly Filter[];
  readonly timeRange: { readonly start?: TimeText; readonly end?: TimeText };
  readonly orderBy: readonly OrderBy[];
  /** Turns the whole order round. */
  readonly descending: boolean;
  readonly limit?: number;
  readonly others: boolean;
  readonly pointSize?: PointSize;
  readonly timezone?: string;
  /** `"sources": true`: how far each source has come is wanted in `meta`. */
  readonly sources: boolean;
  /** `FROM collection` in the language; the path wins over it. */
  readonly collection?: string;
}

export type AnswerValue = FieldValue | null;
export type AnswerRow = Readonly<Record<string, AnswerValue>>;

/** A remark on an answer. */
export interface Note {
  readonly code: "unknown_field" | "mixed_types" | "truncated" | "may_be_incomplete";
  readonly message: string;
}

/** What a query found, as it stands in the answer; `meta` is added by the server. */
export interface Answer {
  readonly summary?: readonly AnswerRow[];
  readonly series?: readonly AnswerRow[];
  readonly events?: readonly AnswerRow[];
  readonly eventsScanned: number;
  readonly notes: readonly Note[];
}
