/** The query language and the query object: each says the same as the other, and a mistake is shown at its place. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EpsilonError } from "@epsilon/model";
import fc from "fast-check";
import { parseQueryObject, queryToObject } from "./object.ts";
import { parseQuery, parseQueryRequest } from "./parse.ts";
import { parseFilter } from "./parse-filter.ts";
import { printFilter, printQuery } from "./print.ts";
import { arbitraryFilter, arbitraryQuery } from "./testing/index.ts";

const contractLine = `SELECT count, sum(bytes), p95(duration_ms), count IF (status >= 500) AS errors WHERE status >= 200 AND path MATCHES "^/api/"
  GROUP BY host, bucket(duration_ms, 100), hour(_ts) ORDER BY count DESC LIMIT 10 OTHERS POINT SIZE 1h SINCE 7d UNTIL now TIMEZONE "Europe/Berlin"`;

const contractObject = {
  columns: [
    { aggregate: "count" },
    { aggregate: "sum", field: "bytes" },
    { aggregate: "p95", field: "duration_ms" },
    { aggregate: "count", filters: [{ field: "status", op: ">=", value: 500 }], as: "errors" },
  ],
  group_by: [{ field: "host" }, { field: "duration_ms", bucket: 100 }, { field: "_ts", part: "hour" }],
  filters: [
    { field: "status", op: ">=", value: 200 },
    { field: "path", op: "matches", value: "^/api/" },
  ],
  time_range: { start: "7d", end: "now" },
  order_by: ["count desc"],
  limit: 10,
  others: true,
  point_size: "1h",
  timezone: "Europe/Berlin",
};

/** A text of any fields' names and values. */
const anyText = fc.oneof(
  fc.constantFrom(
    "count",
    "not",
    "a b",
    "user-agent",
    "a.b",
    "",
    '"',
    "\\d+",
    "'",
    "\n",
    "now",
    "field",
    "x desc",
    "Ünï",
    "😀",
  ),
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 6 }),
);

describe("the query language", () => {
  it("is the query object, typed in one line", () => {
    assert.deepEqual(queryToObject(parseQuery(contractLine)), contractObject);
    assert.deepEqual(parseQueryObject(contractObject), parseQuery(contractLine));
    assert.deepEqual(parseQueryRequest({ q: contractLine }), parseQuery(contractLine));
    assert.equal(parseQueryRequest({ q: "SELECT count", sources: true }).sources, true);
  });

  it("reads what it prints, and so does the object", () => {
    let checked = 0;
    fc.assert(
      fc.property(arbitraryQuery, (generated) => {
        const query = normal(generated);
        if (query === null) return;
        checked += 1;
        assert.deepEqual(parseQuery(printQuery(query)), query);
        assert.deepEqual(parseQueryObject(JSON.parse(JSON.stringify(queryToObject(query)))), query);
      }),
      { numRuns: 2000 },
    );
    assert.ok(checked > 1800, `only ${checked} of 2,000 queries could be checked`);
  });

  it("takes any name and any text", () => {
    fc.assert(
      fc.property(anyText, anyText, anyText, fc.boolean(), (field, value, as, descending) => {
        const object = {
          columns: [{ aggregate: "max", field, as }],
          group_by: [{ field: value }],
          filters: [{ not: { field, op: "!=", value } }, { field, op: "contains", value }],
          order_by: [descending ? `${as} desc` : `${as} asc`],
        };
        const query = orNull(() => parseQueryObject(object));
        if (query === null) return;
        assert.deepEqual(parseQuery(printQuery(query)), query);
        assert.deepEqual(parseQueryObject(queryToObject(query)), query);
      }),
      { numRuns: 2000 },
    );
  });

  it("prints and reads filters alone", () => {
    fc.assert(
      fc.property(fc.array(arbitraryFilter, { maxLength: 3 }), (generated) => {
        const query = orNull(() =>
          parseQueryObject(queryToObject({ ...parseQuery(""), filters: generated })),
        );
        if (query === null) return;
        assert.deepEqual(parseFilter(printFilter(query.filters)), query.filters);
      }),
      { numRuns: 1000 },
    );
  });

  const same: readonly (readonly [string, string])[] = [
    ["select COUNT(*) group by host", "SELECT count GROUP BY host"],
    ["SELECT count() GROUP BY host", "SELECT count GROUP BY host"],
    ["SELECT host, count GROUP BY host", "SELECT count GROUP BY host"],
    ["SELECT hour(_ts), count GROUP BY hour(_ts)", "SELECT count GROUP BY hour(_ts)"],
    ["GROUP BY host", "SELECT count GROUP BY host"],
    ["POINT SIZE 1h", "SELECT count POINT SIZE 1h"],
    ["SELECT count(DISTINCT user_id)", "SELECT count_distinct(user_id)"],
    ["WHERE a <> 1", "WHERE a != 1"],
    ["WHERE a == 1", "WHERE a = 1"],
    ["WHERE a IS NULL", "WHERE NOT a EXISTS"],
    ["WHERE a IS NOT NULL", "WHERE a EXISTS"],
    ["WHERE a NOT EXISTS", "WHERE NOT a EXISTS"],
    ["WHERE a NOT IN (1, 2)", "WHERE NOT a IN (1, 2)"],
    ["WHERE (a = 1 AND (b = 2 AND c = 3))", "WHERE a = 1 AND b = 2 AND c = 3"],
    ["WHERE a = 1 OR (b = 2 OR c = 3)", "WHERE (a = 1 OR b = 2 OR c = 3)"],
    ["WHERE a = 1 OR b = 2 AND c = 3", "WHERE (a = 1 OR b = 2 AND c = 3)"],
    ["WHERE path = 'it''s'", 'WHERE path = "it\'s"'],
    ['WHERE path MATCHES "^\\d+\\."', 'WHERE path MATCHES "^\\\\d+\\\\."'],
    ['WHERE field("a b") = 1', 'WHERE field("a b") = 1'],
    ["WHERE field(a) = 1 OR x = 1", ""],
    [
      "WHERE _ts >= 2026-01-01 AND _ts < '2026-01-02T00:00:00Z'",
      'WHERE _ts >= "2026-01-01" AND _ts < "2026-01-02T00:00:00Z"',
    ],
    ["WHERE _ts >= 7d", 'WHERE _ts >= "7d"'],
    ["FROM views WHERE a = 1;", 'FROM "views" WHERE a = 1'],
    ["WHERE a = -0", "WHERE a = 0"],
    ["WHERE a.b-c = 1e3", "WHERE a.b-c = 1000"],
    ["WHERE group = 1 AND limit < 2", 'WHERE field("group") = 1 AND field("limit") < 2'],
    ["LIMIT 5 WHERE a = 1", "WHERE a = 1 LIMIT 5"],
    [
      "SELECT sum(bytes) GROUP BY host ORDER BY SUM(bytes) DESC, host ASC",
      "SELECT sum(bytes) GROUP BY host ORDER BY sum(bytes) DESC, host",
    ],
    ["WHERE mag >= 5.5 ORDER BY mag DESC LIMIT 10", "WHERE mag >= 5.5 ORDER BY mag DESC LIMIT 10"],
    ["", "SELECT *"],
  ];
  for (const [text, printed] of same) {
    it(`${JSON.stringify(text)}`, () => {
      if (printed === "") assert.throws(() => parseQuery(text), { code: "bad_query" });
      else assert.equal(printQuery(parseQuery(text)), printed);
    });
  }

  const mistakes: readonly (readonly [text: string, line: number, column: number, part: RegExp])[] = [
    ["SELECT summ(bytes)", 1, 8, /"summ" is no aggregate: there are count, /],
    ["SELECT sum", 1, 8, /sum is no aggregate|sum needs a field/],
    ["SELECT sum()", 1, 12, /expected a field/],
    ["SELECT count ORDER BY host", 1, 23, /no such column; it has count/],
    ["SELECT count WHERE", 1, 19, /expected a condition.*found the end/],
    ["SELECT count WHERE status >", 1, 28, /expected a value/],
    ["SELECT count WHERE status ~ 5", 1, 27, /expected a word/],
    ["SELECT count\nWHERE status >= 500 AN path = 1", 2, 21, /expected WHERE, GROUP BY/],
    ["SELECT count GROUP host", 1, 14, /expected WHERE, GROUP BY/],
    ["SELECT count GROUP BY", 1, 22, /expected a field/],
    ["SELECT count GROUP BY bucket(a, 0)", 1, 23, /wider than 0/],
    ["SELECT count GROUP BY hour(x)", 1, 23, /part of _ts/],
    ["SELECT count GROUP BY _ts", 1, 23, /point size/],
    ["WHERE a = 'x", 1, 13, /closing '/],
    ["WHERE a MATCHES '(?=x)'", 1, 17, /look-around/],
    ["WHERE a MATCHES '('", 1, 17, /without its \)/],
    ["WHERE (a = 1", 1, 13, /expected "\)"/],
    ["SINCE yesterday", 1, 7, /expected a time/],
    ["SINCE '2026-02-30'", 1, 7, /no time/],
    ["TIMEZONE 'Mars/Olympus'", 1, 10, /no time zone/],
    ["LIMIT 0", 1, 7, /from 1/],
    ["LIMIT 1.5", 1, 7, /integer/],
    ["LIMIT 5 LIMIT 6", 1, 9, /second LIMIT/],
    ["POINT SIZE 1y", 1, 12, /expected a word|point size/],
    ["WHERE _ts > 5", 1, 13, /seconds/],
    ["FROM A", 1, 6, /not a collection/],
  ];
  for (const [text, line, column, part] of mistakes) {
    it(`shows the place: ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseQuery(text),
        (error: unknown) => {
          assert.ok(error instanceof EpsilonError);
          assert.equal(error.code, "bad_query");
          assert.deepEqual([error.details["line"], error.details["column"]], [line, column], error.message);
          assert.match(error.message, part);
          assert.match(error.message, new RegExp(`^line ${line}, column ${column}: `));
          return true;
        },
      );
    });
  }

  it("refuses what does not hang together", () => {
    for (const text of [
      "SELECT count, count",
      "SELECT count OTHERS",
      "SELECT host",
      "SELECT count ORDER BY host",
      "SELECT count GROUP BY host, host",
    ]) {
      assert.throws(() => parseQuery(text), { code: "bad_query" }, text);
    }
    assert.throws(() => parseQuery(`${"(".repeat(200)}a = 1`), { code: "bad_query" });
    assert.throws(() => parseQuery(`WHERE ${"NOT ".repeat(5000)} a = 1`), { code: "bad_query" });
    assert.throws(() => parseQuery(`WHERE a = "${"x".repeat(70_000)}"`), { code: "bad_query" });
  });

  it("answers any text with a query or bad_query", () => {
    const pieces = fc.constantFrom(
      ..."SELECT count sum ( ) , * WHERE a b = <> >= AND OR NOT IN 1 -2.5e3 'x' \" ' 7d now GROUP BY ORDER LIMIT POINT SIZE 1h SINCE UNTIL field bucket hour _ts IF AS IS NULL EXISTS ; ~ é \\".split(
        " ",
      ),
    );
    const soup = fc.array(pieces, { maxLength: 20 }).map((words) => words.join(" "));
    fc.assert(
      fc.property(fc.oneof(soup, fc.string({ unit: "binary" })), (text) => {
        const query = orNull(() => parseQuery(text));
        if (query !== null) assert.deepEqual(parseQuery(printQuery(query)), query);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("the query object", () => {
  it("knows other names for field and op, and short forms", () => {
    const query = parseQueryObject({
      columns: ["count", { aggregate: "sum", column: "bytes" }],
      group_by: ["host", { name: "ms", bucket: 10 }],
      filters: [
        { name: "a", condition: "starts with", value: "x" },
        { column: "b", op: "not in", value: [1] },
        { field: "c", op: "exists", value: false },
        {
          any: [
            { field: "d", op: "<>", value: 1 },
            [
              { field: "e", op: "=", value: 2 },
              { field: "f", op: "=", value: true },
            ],
          ],
        },
      ],
      limit: null,
    });
    assert.equal(
      printQuery(query),
      'SELECT count, sum(bytes) WHERE a STARTS WITH "x" AND NOT b IN (1) AND NOT c EXISTS AND (d != 1 OR e = 2 AND f = true) GROUP BY host, bucket(ms, 10)',
    );
  });

  const mistakes: readonly (readonly [unknown, RegExp])[] = [
    [[], /the query is an object/],
    [{ colums: [] }, /has no "colums": there are columns, /],
    [{ columns: [{ aggregate: "summ", field: "a" }] }, /^columns\[0\]: "summ" is no aggregate/],
    [{ columns: [{ aggregate: "sum" }] }, /^columns\[0\]: sum needs a field/],
    [{ columns: [{ aggregate: "sum", field: "a", name: "b" }] }, /both name the field/],
    [{ filters: [{ field: "a", op: "~", value: 1 }] }, /filters\[0\]\.op is "~"/],
    [{ filters: [{ field: "a", op: "=", value: null }] }, /exists/],
    [{ filters: [{ field: "a", op: "=" }] }, /filters\[0\]\.value/],
    [{ filters: [{ op: "=", value: 1 }] }, /filters\[0\]\.field is missing/],
    [{ filters: [{ any: [] }] }, /at least one/],
    [{ filters: [{ any: [{ field: "a", op: "exists" }], field: "b" }] }, /stands alone/],
    [{ time_range: { from: "1d" } }, /time_range has no "from"/],
    [{ time_range: { start: "soon" } }, /^time_range\.start: .* no time/],
    [{ limit: "10" }, /^limit: /],
    [{ limit: -1 }, /^limit: /],
    [{ point_size: "1 hour" }, /^point_size: /],
    [{ timezone: "Berlin" }, /^timezone: /],
    [{ timezone: "+02:00" }, /^timezone: /],
    [{ descending: "yes" }, /descending is true or false/],
    [{ group_by: [{ field: "a", bucket: 1, part: "hour" }] }, /bucket or part/],
    [{ group_by: [{ bucket: 1 }] }, /field is missing/],
    [{ columns: ["count"], order_by: ["sum(a)"] }, /no such column; it has count/],
  ];
  for (const [value, message] of mistakes) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      assert.throws(() => parseQueryObject(value), { code: "bad_query", message });
    });
  }

  it("answers any JSON with a query or bad_query", () => {
    const key = fc.constantFrom(
      "columns",
      "filters",
      "any",
      "not",
      "field",
      "op",
      "value",
      "aggregate",
      "limit",
      "order_by",
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, true, 0, "count", "=", "a", "exists", -1.5),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(key, tie("tree"), { maxKeys: 3 }),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        orNull(() => parseQueryObject(value));
      }),
      { numRuns: 3000 },
    );
  });
});

function normal(query: Parameters<typeof queryToObject>[0]): ReturnType<typeof parseQuery> | null {
  return orNull(() => parseQueryObject(queryToObject(query)));
}

/** What the work gives, or null if it is refused as it should be. */
function orNull<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    assert.ok(error instanceof EpsilonError, String((error as Error).stack));
    assert.equal(error.code, "bad_query");
    return null;
  }
}
