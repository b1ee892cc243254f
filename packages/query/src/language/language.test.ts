/** The query language by example: what means the same, and mistakes, each shown at its place. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EpsilonError } from "@epsilon/model";
import { aggregates } from "../normal-form.ts";
import { parseQueryObject, queryToObject } from "../object/object.ts";
import { parseQuery, parseQueryRequest } from "./parse.ts";
import { printQuery } from "./print.ts";

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

describe("the query language", () => {
  it("is the query object, typed in one line", () => {
    assert.deepEqual(queryToObject(parseQuery(contractLine)), contractObject);
    assert.deepEqual(parseQueryObject(contractObject), parseQuery(contractLine));
    assert.deepEqual(parseQueryRequest({ q: contractLine }), parseQuery(contractLine));
    assert.equal(parseQueryRequest({ q: "SELECT count", sources: true }).sources, true);
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
    ["WHERE _ts >= 1769860800500", 'WHERE _ts >= "2026-01-31T12:00:00.500000Z"'],
    [
      "WHERE _id = 'F7A5C8D0-0000-4000-8000-00000000000A'",
      'WHERE _id = "f7a5c8d0-0000-4000-8000-00000000000a"',
    ],
    ["ORDER BY _ts", "ORDER BY _ts"],
    [
      "SELECT count POINT SIZE 1000000s ORDER BY _ts DESC",
      "SELECT count ORDER BY _ts DESC POINT SIZE 1000000s",
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
    ["SELECT count GROUP BY _ts", 1, 23, /point_size \(POINT SIZE 1h\)/],
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
    ["status >= 500", 1, 1, /expected SELECT, WHERE/],
    ["SELECT sum(_ts)", 1, 8, /_ts is no number; it has min, max/],
    ["SELECT p95(_id)", 1, 8, /_id is no number/],
    ["SELECT count AS _ts", 1, 8, /the answer itself uses/],
    ["LIMIT 1000001", 1, 7, /to 1000000/],
    ["WHERE _id = 'x'", 1, 13, /a UUID/],
    ["WHERE _id < 'f7a5c8d0-0000-4000-8000-000000000000'", 1, 11, /= != or in/],
    ["WHERE _ts CONTAINS '2026'", 1, 20, /not with contains/],
    ["WHERE _ts IN ('2026-01-01')", 1, 11, /not in a list/],
    ["WHERE a = 1e999", 1, 11, /a double cannot hold/],
    ["WHERE a = 'b'\n  AND c MATCHES '(a)\\1'", 2, 17, /back-references/],
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
          assert.equal(typeof error.details["expected"], "string");
          assert.match(error.message, new RegExp(`^line ${line}, column ${column}: `));
          return true;
        },
      );
    });
  }

  it("says at a wrong aggregate which there are", () => {
    assert.throws(() => parseQuery("SELECT count, median(a)"), {
      code: "bad_query",
      details: { line: 1, column: 15, expected: aggregates.join(", ") },
    });
  });

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
  });
});
