/** Language and object say the same: what is printed is read back, whatever the names; no text does worse than `bad_query`. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EpsilonError, type FieldValue, formatTimestamp, isWellFormedText } from "@epsilon/model";
import fc from "fast-check";
import { columnName, groupName } from "../column-name.ts";
import { aggregates, timeParts } from "../normal-form.ts";
import { parseQueryObject, queryToObject } from "../object/object.ts";
import type { Column, Filter, GroupBy, OrderBy, PointSize, Query } from "../query.ts";
import { parseQuery, parseQueryRequest } from "./parse.ts";
import { parseFilter } from "./parse-filter.ts";
import { printFilter, printQuery } from "./print.ts";

/** An object as literals are. */
function record<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true });
}

const oddNames =
  "host|bytes|count|rate|sum(a)|count if|not|and|field|user agent|user-agent|a.b|a..b|-|1a|now|7d|x|x desc|x asc| x|x |desc|true|null|__proto__|constructor|Ünï|😀|ſince|\"|'|\\|\\d+|\n|\u2028|*|;|(|distinct|bucket|hour|in|is|exists|starts|if|as|limit|point|sources".split(
    "|",
  );
const name = fc
  .oneof(
    { weight: 3, arbitrary: fc.constantFrom(...oddNames) },
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 10 }),
    fc.string({ unit: "binary", minLength: 1, maxLength: 5 }),
  )
  .filter((text) => isText(text) && text !== "" && !["_ts", "_id", "_others"].includes(text));
const text = fc
  .oneof(
    fc.constantFrom(...oddNames, "", "\\u0041", "\\n", 'a"b'),
    fc.string({ unit: "binary", maxLength: 8 }),
  )
  .filter(isText);
const number = fc
  .oneof(
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(5e-324, 1.7976931348623157e308, 1e21, 1e-7),
  )
  .map((value) => value + 0);
const value: fc.Arbitrary<FieldValue> = fc.oneof(text, number, fc.boolean());
const time = fc.oneof(
  fc.constantFrom(
    "now",
    "7d",
    "0ms",
    "90m",
    "2026-01-31",
    "2026-01-31T12:00:00+02:00",
    "2026-01-31 12:00:00.5z",
  ),
  fc.bigInt({ min: -62_167_219_200_000_000n, max: 253_402_300_799_999_999n }).map(formatTimestamp),
);
const comparison = fc.constantFrom("=", "!=", "<", "<=", ">", ">=");

const leaf: fc.Arbitrary<Filter> = fc.oneof(
  record({ kind: fc.constant("compare"), field: name, op: comparison, value }),
  record({ kind: fc.constant("compare"), field: fc.constant("_ts"), op: comparison, value: time }),
  record({
    kind: fc.constant("compare"),
    field: fc.constant("_id"),
    op: fc.constantFrom("=", "!="),
    value: fc.uuid(),
  }),
  record({
    kind: fc.constant("in"),
    field: name,
    values: fc.array(value, { minLength: 1, maxLength: 3 }),
  }),
  record({
    kind: fc.constant("in"),
    field: fc.constant("_id"),
    values: fc.array(fc.uuid(), { minLength: 1, maxLength: 2 }),
  }),
  record({
    kind: fc.constant("text"),
    field: name,
    op: fc.constantFrom("contains", "starts_with"),
    value: text,
  }),
  record({
    kind: fc.constant("text"),
    field: name,
    op: fc.constant("matches"),
    value: fc.constantFrom("^/api/", "(?i)web", "\\d+\\.[[:alpha:]]", "\\pN|\\p{Greek}", "", 'it\'s "so"'),
  }),
  record({ kind: fc.constant("exists"), field: name }),
);

/** In the one spelling: no group of one, no group directly within its like. */
const tree = fc.letrec<{ any: Filter; all: Filter; not: Filter }>((tie) => {
  const list = (...others: fc.Arbitrary<Filter>[]): fc.Arbitrary<readonly Filter[]> =>
    fc.array(fc.oneof({ maxDepth: 3, withCrossShrink: true }, leaf, ...others), {
      minLength: 2,
      maxLength: 3,
    });
  return {
    any: record({ kind: fc.constant("any"), filters: list(tie("all"), tie("not")) }),
    all: record({ kind: fc.constant("all"), filters: list(tie("any"), tie("not")) }),
    not: record({
      kind: fc.constant("not"),
      filter: fc.oneof({ maxDepth: 3, withCrossShrink: true }, leaf, tie("any"), tie("all"), tie("not")),
    }),
  };
});
const filters = fc.array(fc.oneof({ weight: 4, arbitrary: leaf }, tree.any, tree.not), { maxLength: 3 });

const column: fc.Arbitrary<Column> = record({
  aggregate: fc.constantFrom(...aggregates),
  field: fc.oneof({ weight: 5, arbitrary: name }, fc.constantFrom("_ts", "_id", undefined)),
  filters,
  as: fc.option(name, { nil: undefined }),
}).map(({ aggregate, field, filters: own, as }): Column => {
  const bare = field === undefined && aggregate !== "count" && aggregate !== "rate";
  const ofKey = field === "_ts" || field === "_id";
  return {
    aggregate: ofKey ? "max" : aggregate,
    ...(bare ? { field: "bytes" } : field === undefined ? {} : { field }),
    ...(own.length === 0 ? {} : { filters: own }),
    ...(as === undefined ? {} : { as }),
  };
});

const group: fc.Arbitrary<GroupBy> = fc.oneof(
  record({ kind: fc.constant("field"), field: fc.oneof(name, fc.constant("_id")) }),
  record({ kind: fc.constant("bucket"), field: name, width: number.filter((width) => width > 0) }),
  record({ kind: fc.constant("part"), part: fc.constantFrom(...timeParts) }),
);

interface Shape {
  readonly columns: readonly Column[];
  readonly groupBy: readonly GroupBy[];
  readonly pointSize: PointSize | null;
}

const shape: fc.Arbitrary<Shape> = fc.oneof(
  {
    weight: 5,
    arbitrary: record<Shape>({
      columns: fc.array(column, { minLength: 1, maxLength: 3 }),
      groupBy: fc.array(group, { maxLength: 3 }),
      pointSize: fc.option(
        record<PointSize>({
          count: fc.integer({ min: 1, max: 1_000_000 }),
          unit: fc.constantFrom("s", "m", "h", "d", "w", "mo"),
        }),
      ),
    }),
  },
  fc.constant({ columns: [], groupBy: [], pointSize: null }),
);

/** A query in its one spelling. */
const query: fc.Arbitrary<Query> = record({
  shape,
  filters,
  start: fc.option(time),
  end: fc.option(time),
  order: fc.array(record({ pick: fc.nat(), raw: name, descending: fc.boolean() }), { maxLength: 3 }),
  descending: fc.boolean(),
  limit: fc.option(fc.integer({ min: 1, max: 1_000_000 })),
  others: fc.boolean(),
  timezone: fc.option(fc.constantFrom("Europe/Berlin", "UTC", "America/Argentina/Ushuaia", "Etc/GMT+5")),
  sources: fc.boolean(),
  collection: fc.option(fc.constantFrom("events", "0.a-b_c", "epsilon.dashboards", "limit")),
}).map((draft): Query => {
  const { start, end, limit, timezone, collection } = draft;
  const { columns: someColumns, groupBy: someGroups, pointSize } = draft.shape;
  const taken = new Set<string>();
  const isNew = (called: string): boolean => !taken.has(called) && taken.add(called) !== undefined;
  const columns = someColumns.filter((each) => isNew(columnName(each)));
  const groupBy = someGroups.filter((each) => isNew(groupName(each)));
  const names = [...taken, ...(pointSize === null ? [] : ["_ts"])];
  const orderBy = draft.order.map(({ pick, raw, descending }): OrderBy => {
    return { name: names[pick % Math.max(1, names.length)] ?? raw, descending };
  });
  return {
    columns,
    groupBy,
    filters: draft.filters,
    timeRange: { ...(start === null ? {} : { start }), ...(end === null ? {} : { end }) },
    orderBy,
    descending: draft.descending,
    ...(limit === null ? {} : { limit }),
    others: draft.others && groupBy.length > 0,
    ...(pointSize === null ? {} : { pointSize }),
    ...(timezone === null ? {} : { timezone }),
    sources: draft.sources,
    ...(collection === null ? {} : { collection }),
  };
});

describe("a query", () => {
  it("is read as it was printed, from the language and from the object", () => {
    fc.assert(
      fc.property(query, (given) => {
        const line = printQuery(given);
        assert.deepEqual(parseQuery(line), given, line);
        assert.equal(printQuery(parseQuery(line)), line);
        // The object has no collection: the path of the request says it.
        const { collection: _, ...rest } = given;
        const object = queryToObject(given);
        assert.deepEqual(parseQueryObject(JSON.parse(JSON.stringify(object))), rest);
        assert.deepEqual(parseQueryRequest({ q: line }), given);
      }),
      { numRuns: 1200 },
    );
  });

  it("has filters that are read as they were printed", () => {
    fc.assert(
      fc.property(filters, (given) => assert.deepEqual(parseFilter(printFilter(given)), given)),
      { numRuns: 2000 },
    );
  });

  it("cannot be changed", () => {
    const parsed = parseQueryRequest({ q: "SELECT count IF (a IN (1)) AS b GROUP BY c", sources: true });
    const isFrozen = (part: unknown): boolean =>
      typeof part !== "object" ||
      part === null ||
      (Object.isFrozen(part) && Object.values(part).every(isFrozen));
    assert.ok(isFrozen(parsed));
    assert.ok(isFrozen(parseFilter("a = 1 OR b IN (1, 2)")));
    assert.ok(isFrozen(parseQueryObject({ filters: [{ field: "a", op: "in", value: [1] }] })));
  });

  it("orders by the name that is meant, even if it looks like a direction", () => {
    const columns = [
      { aggregate: "count", as: "x" },
      { aggregate: "rate", as: "x desc" },
    ];
    const orderOf = (...order: readonly string[]): readonly OrderBy[] =>
      parseQueryObject({ columns, order_by: order }).orderBy;
    assert.deepEqual(orderOf("x desc"), [{ name: "x", descending: true }]);
    assert.deepEqual(orderOf("x desc asc"), [{ name: "x desc", descending: false }]);
    assert.deepEqual(orderOf("x desc DESC"), [{ name: "x desc", descending: true }]);
    assert.deepEqual(orderOf(" x   Desc "), [{ name: "x", descending: true }]);
  });

  it("nests conditions up to the limit and no further, in both spellings alike", () => {
    const nested = (depth: number): Filter =>
      depth === 0
        ? { kind: "exists", field: "a" }
        : {
            kind: depth % 2 === 0 ? "any" : "all",
            filters: [nested(depth - 1), { kind: "exists", field: "b" }],
          };
    // Within OR an AND needs no parentheses, so a text of 51 of them is deeper than 100 levels.
    const printed = (depth: number): string => printFilter([nested(depth)]);
    assert.equal(parseFilter(printed(100)).length, 1);
    assert.throws(() => parseFilter(printed(102)), { code: "bad_query", message: /100 levels/ });
    assert.throws(() => parseFilter(`${"(".repeat(101)}a = 1${")".repeat(101)}`), { code: "bad_query" });
    const object = queryToObject(parseQuery(`WHERE ${printed(100)}`));
    assert.deepEqual(parseQueryObject(object), parseQuery(`WHERE ${printed(100)}`));
    const deeper = { filters: { not: (object["filters"] as unknown[])[0] } };
    assert.throws(() => parseQueryObject(deeper), { code: "bad_query", message: /100 levels/ });
    let endless: unknown = { field: "a", op: "exists" };
    for (let depth = 0; depth < 20_000; depth++) endless = { not: endless };
    assert.throws(() => parseQueryObject({ filters: endless }), { code: "bad_query", message: /100 levels/ });
    assert.throws(() => parseQuery(`WHERE ${"NOT ".repeat(5000)} a = 1`), { code: "bad_query" });
  });
});

describe("any text", () => {
  const words =
    "SELECT count sum ( ) , * WHERE a b = <> >= AND OR NOT IN 1 -2.5e3 1e999 'x' \" ' 7d now GROUP BY ORDER DESC LIMIT POINT SIZE 1h SINCE UNTIL TIMEZONE 'UTC' field field('') bucket hour _ts _id IF AS IS NULL EXISTS MATCHES '(?=a)' OTHERS SOURCES FROM DISTINCT ; ~ é \\ \ud800 2026-01-01 __proto__".split(
      " ",
    );
  const soup = fc.array(fc.constantFrom(...words), { maxLength: 20 }).map((parts) => parts.join(" "));
  const spoilt = fc
    .tuple(query, fc.nat(), fc.nat({ max: 6 }), fc.oneof(soup, fc.string({ maxLength: 3 })))
    .map(([given, at, length, put]) => {
      const line = printQuery(given);
      const start = at % (line.length + 1);
      return line.slice(0, start) + put + line.slice(start + length);
    });

  it("is a query, or bad_query with its place", () => {
    fc.assert(
      fc.property(fc.oneof(soup, spoilt, fc.string({ unit: "binary" })), (source) => {
        const parsed = orNull(source, () => parseQuery(source));
        if (parsed !== null) assert.deepEqual(parseQuery(printQuery(parsed)), parsed);
      }),
      { numRuns: 4000 },
    );
  });

  it("is a filter, or bad_query with its place", () => {
    fc.assert(
      fc.property(soup, (source) => {
        const parsed = orNull(source, () => parseFilter(source));
        if (parsed !== null) assert.deepEqual(parseFilter(printFilter(parsed)), parsed);
      }),
      { numRuns: 1200 },
    );
  });

  it("has at most 64 KiB", () => {
    const long = `a = "${"é".repeat(33_000)}"`;
    assert.throws(() => parseQuery(`WHERE ${long}`), { code: "bad_query", message: /bytes/ });
    assert.throws(() => parseFilter(long), { code: "bad_query", message: /bytes/ });
    assert.equal(parseFilter(`a = "${"x".repeat(65_000)}"`).length, 1);
  });
});

function isText(given: string): boolean {
  return isWellFormedText(given) && !given.includes("\u0000");
}

/** What the work gives, or null if it is refused as it should be. */
function orNull<T>(source: string, work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    assert.ok(error instanceof EpsilonError, String((error as Error).stack));
    assert.equal(error.code, "bad_query");
    const { line, column: at, expected } = error.details;
    assert.ok(typeof line === "number" && line >= 1 && line <= source.split("\n").length, error.message);
    assert.ok(typeof at === "number" && at >= 1 && at <= source.length + 1, error.message);
    assert.ok(typeof expected === "string" && expected !== "", error.message);
    return null;
  }
}
