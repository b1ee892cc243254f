/** Generators of queries over the generated events: every aggregate, filter, group and clause, in any combination. */

import { type FieldValue, formatTimestamp, must } from "@epsilon/model";
import fc from "fast-check";
import { columnName, groupName } from "../column-name.ts";
import type {
  Aggregate,
  Column,
  ComparisonOp,
  Filter,
  GroupBy,
  OrderBy,
  PointSize,
  Query,
} from "../query.ts";
import { arbitraryMoment, fieldNames, fieldPools } from "./arbitrary-events.ts";

export const aggregates: readonly Aggregate[] = [
  "count",
  "count_distinct",
  "sum",
  "avg",
  "min",
  "max",
  "stddev",
  "p50",
  "p90",
  "p95",
  "p99",
  "p999",
  "first",
  "last",
  "rate",
];
export const comparisonOps: readonly ComparisonOp[] = ["=", "!=", "<", "<=", ">", ">="];
export const textOps = ["contains", "starts_with", "matches"] as const;
export const timeParts = ["hour", "weekday", "day", "month"] as const;
export const pointUnits: readonly PointSize["unit"][] = ["s", "m", "h", "d", "w", "mo"];
export const zones = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"];

/** Patterns that RE2 and JavaScript read alike once translated. */
export const patternPool = [
  "web",
  "^web-[12]$",
  "(?i)WEB",
  "^.$",
  "a.b",
  "[[:digit:]]+",
  "\\d|é",
  "^\\s*$",
  "w(e|é)b",
  "[^\\S]",
  "\\.x{0,2}",
  "it's",
  "^[^a-z]",
  "\\x{1f600}",
];

const allValues: readonly FieldValue[] = Object.values(fieldPools).flat();
const anyField = fc.constantFrom(...fieldNames);

/** A value that the field may have, or one of another type. */
function valueFor(field: string): fc.Arbitrary<FieldValue> {
  const own = fieldPools[field] ?? allValues;
  return fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...own) }, fc.constantFrom(...allValues));
}

const anyTime = fc.oneof(
  arbitraryMoment.map(formatTimestamp),
  fc.constantFrom("2026-03-29", "2026-01-31", "1970-01-01", "now", "7d", "12h"),
);

const ownFilter: fc.Arbitrary<Filter> = fc.oneof(
  fc.record({
    kind: fc.constant("compare" as const),
    field: fc.constant("_ts"),
    op: fc.constantFrom(...comparisonOps),
    value: anyTime,
  }),
  fc.record({
    kind: fc.constant("compare" as const),
    field: fc.constant("_id"),
    op: fc.constantFrom(...comparisonOps),
    value: fc.oneof(fc.uuid(), fc.constantFrom("8", "A0", "80000000-0000-4000-8000-00000000000F")),
  }),
  fc.record({
    kind: fc.constant("compare" as const),
    field: fc.constant("_rev"),
    op: fc.constantFrom(...comparisonOps),
    value: fc.constantFrom(0, 1, 5),
  }),
);

const leafFilter: fc.Arbitrary<Filter> = fc.oneof(
  {
    weight: 4,
    arbitrary: anyField.chain((field) =>
      fc.record({
        kind: fc.constant("compare" as const),
        field: fc.constant(field),
        op: fc.constantFrom(...comparisonOps),
        value: valueFor(field),
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: anyField.chain((field) =>
      fc.record({
        kind: fc.constant("in" as const),
        field: fc.constant(field),
        values: fc.array(valueFor(field), { minLength: 1, maxLength: 4 }),
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("text" as const),
      field: anyField,
      op: fc.constantFrom("contains" as const, "starts_with" as const),
      value: fc.constantFrom("", "web", "e", "é", "\u{1f600}", "x", "'", "1", "\ue000"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("text" as const),
      field: anyField,
      op: fc.constant("matches" as const),
      value: fc.constantFrom(...patternPool),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("exists" as const), field: anyField }) },
  { weight: 1, arbitrary: ownFilter },
);

/** A filter, at most three deep. */
export const arbitraryFilter: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    { weight: 5, arbitrary: leafFilter },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom("any" as const, "all" as const),
        filters: fc.array(tie("filter"), { minLength: 1, maxLength: 3 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("not" as const), filter: tie("filter") }) },
  ),
})).filter;

/** A quarter of the time. */
function seldom<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });
}

const arbitraryColumn: fc.Arbitrary<Column> = fc
  .record({
    aggregate: fc.constantFrom(...aggregates),
    field: fc.oneof({ weight: 8, arbitrary: anyField }, fc.constantFrom("_ts", "_id", "_rev")),
    bare: fc.boolean(),
    filters: seldom(fc.array(arbitraryFilter, { minLength: 1, maxLength: 2 })),
    as: seldom(fc.constantFrom("errors", "näme", "__proto__", "a b")),
  })
  .map(({ aggregate, field, bare, filters, as }): Column => {
    const fieldless = (aggregate === "count" || aggregate === "rate") && bare;
    return {
      aggregate,
      ...(fieldless ? {} : { field }),
      ...(filters === null ? {} : { filters }),
      ...(as === null ? {} : { as }),
    };
  });

const arbitraryGroup: fc.Arbitrary<GroupBy> = fc.oneof(
  fc.record({ kind: fc.constant("field" as const), field: anyField }),
  fc.record({
    kind: fc.constant("bucket" as const),
    field: fc.constantFrom("bytes", "mixed", "host"),
    width: fc.constantFrom(1, 100, 0.5, 10),
  }),
  fc.record({ kind: fc.constant("part" as const), part: fc.constantFrom(...timeParts) }),
);

const arbitraryPointSize: fc.Arbitrary<PointSize> = fc
  .constantFrom(...pointUnits)
  .chain((unit) => fc.record({ count: fc.constantFrom(1, 1, 2, 3, 15), unit: fc.constant(unit) }));

function unique<T>(items: readonly T[], name: (item: T) => string): readonly T[] {
  return [...new Map(items.map((item) => [name(item), item])).values()];
}

interface Draft {
  readonly columns: readonly Column[];
  readonly groupBy: readonly GroupBy[];
  readonly pointSize: PointSize | null;
}

const aggregated: fc.Arbitrary<Draft> = fc.record({
  columns: fc
    .array(arbitraryColumn, { minLength: 1, maxLength: 5 })
    .map((columns) => unique(columns, columnName)),
  groupBy: fc
    .array(arbitraryGroup, { maxLength: 3, size: "small" })
    .map((groups) => unique(groups, groupName)),
  pointSize: fc.option(arbitraryPointSize, { freq: 2 }),
});
const raw: fc.Arbitrary<Draft> = fc.constant({ columns: [], groupBy: [], pointSize: null });

/** Both sides compute these to the last bit but one, so ties between groups could fall either way. */
const inexact: readonly Aggregate[] = ["stddev", "p90", "p95", "p99", "p999"];

function orderFor({ columns, groupBy, pointSize }: Draft): fc.Arbitrary<readonly OrderBy[]> {
  const raw = columns.length === 0 ? [...fieldNames, "_ts"] : [];
  const exact = columns.filter(({ aggregate }) => !inexact.includes(aggregate)).map(columnName);
  const names = [...exact, ...groupBy.map(groupName), ...raw];
  if (names.length === 0) return fc.constant([]);
  const key = (from: readonly string[]): fc.Arbitrary<OrderBy> =>
    fc.record({ name: fc.constantFrom(...from), descending: fc.boolean() });
  const byDefault = columns.length === 0 || exact[0] === columnName(must(columns[0]));
  return fc
    .tuple(
      fc.array(key(names), { minLength: byDefault ? 0 : 1, maxLength: 2 }),
      pointSize === null ? fc.constant([]) : fc.array(key(["_ts"]), { maxLength: 1 }),
    )
    .map((keys) => unique(keys.flat(), ({ name }) => name));
}

/** A query that can be answered. Names of columns and groups in it differ. */
export const arbitraryQuery: fc.Arbitrary<Query> = fc
  .oneof({ weight: 6, arbitrary: aggregated }, { weight: 1, arbitrary: raw })
  .chain((draft) =>
    fc.record({
      draft: fc.constant(draft),
      filters: seldom(fc.array(arbitraryFilter, { minLength: 1, maxLength: 2 })),
      start: seldom(anyTime),
      end: seldom(anyTime),
      orderBy: orderFor(draft),
      descending: fc.constantFrom(false, false, true),
      limit: fc.option(fc.constantFrom(1, 2, 3, 5, 100), { freq: 2 }),
      others: draft.groupBy.length === 0 ? fc.constant(false) : fc.boolean(),
      timezone: fc.option(fc.constantFrom(...zones), { freq: 2 }),
    }),
  )
  .map(({ draft, filters, start, end, orderBy, descending, limit, others, timezone }): Query => {
    const taken = new Set(draft.groupBy.map(groupName));
    return {
      columns: draft.columns.filter((column) => !taken.has(columnName(column))),
      groupBy: draft.groupBy,
      filters: filters ?? [],
      timeRange: { ...(start === null ? {} : { start }), ...(end === null ? {} : { end }) },
      orderBy,
      descending,
      ...(limit === null ? {} : { limit }),
      others,
      ...(draft.pointSize === null ? {} : { pointSize: draft.pointSize }),
      ...(timezone === null ? {} : { timezone }),
      sources: false,
    };
  });
