/** Columns and groups are called as they are written. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { columnName, groupName } from "./column-name.ts";

test("names are as in the query language; `as` wins; filters of a column's own show", () => {
  const filters = [{ kind: "exists", field: "a" }] as const;
  assert.equal(columnName({ aggregate: "count" }), "count");
  assert.equal(columnName({ aggregate: "p95", field: "duration_ms" }), "p95(duration_ms)");
  assert.equal(columnName({ aggregate: "count", filters }), "count if");
  assert.equal(columnName({ aggregate: "count", filters: [] }), "count");
  assert.equal(columnName({ aggregate: "sum", field: "a", filters, as: "errors" }), "errors");
  assert.equal(groupName({ kind: "field", field: "host" }), "host");
  assert.equal(groupName({ kind: "bucket", field: "duration_ms", width: 100 }), "bucket(duration_ms, 100)");
  assert.equal(groupName({ kind: "part", part: "hour" }), "hour(_ts)");
});
