/** The query object: other spellings of the same, and refusals that name the place. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { EpsilonError } from "@epsilon/model";
import fc from "fast-check";
import { parseQueryRequest } from "../language/parse.ts";
import { printQuery } from "../language/print.ts";
import { parseQueryObject, queryToObject } from "./object.ts";

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
    [
      { columns: [{ aggregate: "summ", field: "a" }] },
      /^columns\[0\]\.aggregate: "summ" is no aggregate: there are count, /,
    ],
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
    [{ limit: "10" }, /^limit is an integer from 1 to 1000000/],
    [{ limit: -1 }, /^limit is an integer from 1 to 1000000/],
    [{ point_size: "1 hour" }, /^point_size: /],
    [{ timezone: "Berlin" }, /^timezone: /],
    [{ timezone: "+02:00" }, /^timezone: /],
    [{ descending: "yes" }, /descending is true or false/],
    [{ group_by: [{ field: "a", bucket: 1, part: "hour" }] }, /bucket or part/],
    [{ group_by: [{ bucket: 1 }] }, /field is missing/],
    [{ columns: ["count", { aggregate: 5 }] }, /^columns\[1\]\.aggregate: expected a text, not 5$/],
    [{ columns: [{ aggregate: "sum", field: {} }] }, /^columns\[0\]\.field: expected a text, not an object$/],
    [{ columns: [{ agregate: "sum" }] }, /^columns\[0\] has no "agregate": there are aggregate, field/],
    [{ columns: [{ aggregate: "avg", field: "_ts" }] }, /^columns\[0\]: avg\(_ts\): _ts is no number/],
    [
      { columns: [{ aggregate: "count", filters: [{ field: "a" }] }] },
      /^columns\[0\]\.filters\[0\]\.op is missing/,
    ],
    [{ columns: ["count", "count"] }, /two columns of the answer are named "count"/],
    [{ columns: [{ aggregate: "count", as: "_others" }] }, /the answer itself uses/],
    [{ columns: "count" }, /^columns is a list/],
    [{ limit: 1_000_001 }, /^limit is an integer/],
    [{ others: true }, /OTHERS needs a GROUP BY/],
    [{ point_size: "0s" }, /^point_size: /],
    [{ point_size: "1000001s" }, /^point_size: /],
    [{ point_size: "1ms" }, /^point_size: /],
    [{ group_by: ["_ts"] }, /^group_by\[0\]: .*point_size/],
    [{ group_by: [{ field: "a", bucket: 0 }] }, /^group_by\[0\]\.bucket: /],
    [{ group_by: [{ field: "a", bucket: "1" }] }, /^group_by\[0\]\.bucket: /],
    [{ group_by: [{ field: "a", part: "hour" }] }, /^group_by\[0\]\.part: hour is a part of _ts/],
    [{ group_by: [{ field: "_ts", part: "year" }] }, /^group_by\[0\]\.part: "year" is no part/],
    [{ filters: [{ field: "_id", op: "=", value: "x" }] }, /^filters\[0\]: _id is compared with a UUID/],
    [{ filters: [{ field: "_id", op: "<", value: "x" }] }, /= != or in/],
    [{ filters: [{ field: "_ts", op: ">", value: 5 }] }, /^filters\[0\]: _ts: .*seconds/],
    [{ filters: [{ field: "_ts", op: ">", value: true }] }, /a time/],
    [{ filters: [{ field: "_ts", op: "in", value: [5] }] }, /not in a list/],
    [{ filters: [{ field: "a", op: "in", value: [] }] }, /list of values/],
    [{ filters: [{ field: "a", op: "=", value: Number.NaN }] }, /^filters\[0\]: a: a number/],
    [{ filters: [{ field: "a", op: "=", value: 10n }] }, /not a bigint/],
    [{ filters: [{ field: "a", op: "matches", value: "(?<=a)b" }] }, /^filters\[0\]: .*look-around/],
    [
      { filters: [{ not: { any: [{ field: "", op: "exists" }] } }] },
      /^filters\[0\]\.not\.any\[0\]: "" is no field/,
    ],
    [{ time_range: { start: 5 } }, /^time_range\.start: expected a text, not 5/],
    [{ sources: 1 }, /^sources is true or false/],
    [{ columns: ["count"], order_by: [5] }, /^order_by\[0\]: expected a text/],
    [{ columns: ["count"], order_by: ["sum(a)"] }, /no such column; it has count/],
  ];
  for (const [value, message] of mistakes) {
    it(`refuses ${inspect(value, { depth: 6, breakLength: Number.POSITIVE_INFINITY })}`, () => {
      assert.throws(() => parseQueryObject(value), { code: "bad_query", message });
    });
  }

  it("of a request has an object or a text, with sources beside it", () => {
    assert.equal(parseQueryRequest({ columns: ["count"], sources: true }).sources, true);
    assert.equal(parseQueryRequest({ q: "SELECT count SOURCES", sources: false }).sources, false);
    assert.throws(() => parseQueryRequest({ q: 5 }), { code: "bad_query", message: /^q: expected a text/ });
    assert.throws(() => parseQueryRequest({ q: "", columns: [] }), {
      code: "bad_query",
      message: /no "columns"/,
    });
    for (const body of [null, 5, "SELECT count", []]) {
      assert.throws(() => parseQueryRequest(body), { code: "bad_query", message: /the query is an object/ });
    }
  });

  it("counts where there are groups or points and no columns", () => {
    for (const object of [{ group_by: ["a"] }, { point_size: "1h" }]) {
      assert.deepEqual(parseQueryObject(object).columns, [{ aggregate: "count" }]);
    }
    assert.deepEqual(parseQueryObject({}).columns, []);
  });

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
        const query = orNull(() => parseQueryObject(value));
        if (query !== null) assert.deepEqual(parseQueryObject(queryToObject(query)), query);
      }),
      { numRuns: 3000 },
    );
  });
});

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
