/**
 * The model's order is DuckDB's, and so are its digests. Goal: whatever both sides sort, compare or sum up comes out
 * the same. Method: the same values go into a table; DuckDB compares each with each and sorts them all, and the model
 * does the same. Ties are broken by the row number on both sides, so that "equal" has to agree as well.
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  BIGINT,
  DOUBLE,
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBType,
  type DuckDBValue,
  LIST,
  listValue,
  UBIGINT,
  VARCHAR,
} from "@duckdb/node-api";
import {
  addDigests,
  type Comparison,
  compareKeys,
  compareNumbers,
  compareUtf8,
  compareUuids,
  digestOf,
  type EventKey,
  emptyDigest,
  formatTimestamp,
  must,
  tsMicrosMax,
  tsMicrosMin,
} from "@epsilon/model";
import fc from "fast-check";

let instance: DuckDBInstance;
let connection: DuckDBConnection;

before(async () => {
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  connection = await instance.connect();
});

after(() => {
  connection.closeSync();
  instance.closeSync();
});

interface Column<T> {
  readonly values: readonly T[];
  readonly compare: (a: T, b: T) => Comparison;
  /** How a value is handed to DuckDB, and what DuckDB casts it to. */
  readonly bind: (value: T) => DuckDBValue;
  readonly bindType: DuckDBType;
  readonly sqlType: string;
}

/** Fills `sample(i, v)`, and holds DuckDB's comparisons and its ORDER BY to the model's. */
async function checkOrder<T>(column: Column<T>): Promise<void> {
  const { values, compare, bind } = column;
  await connection.run(`CREATE OR REPLACE TABLE sample (i INTEGER, v ${column.sqlType})`);
  await connection.run(
    `INSERT INTO sample SELECT generate_subscripts($list, 1) - 1, unnest($list)::${column.sqlType}`,
    { list: listValue(values.map(column.bind)) },
    { list: LIST(column.bindType) },
  );
  const pairs = await connection.runAndReadAll(
    "SELECT a.i, b.i, CASE WHEN a.v < b.v THEN -1 WHEN a.v > b.v THEN 1 WHEN a.v = b.v THEN 0 END FROM sample a, sample b",
  );
  assert.equal(pairs.currentRowCount, values.length ** 2);
  for (const [i, j, comparison] of pairs.getRows()) {
    const [a, b] = [must(values[Number(i)]), must(values[Number(j)])];
    assert.equal(compare(a, b), comparison, `${show(bind(a))} against ${show(bind(b))}`);
  }
  for (const direction of ["ASC", "DESC"]) {
    const sorted = await connection.runAndReadAll(`SELECT i FROM sample ORDER BY v ${direction}, i`);
    const turn = direction === "ASC" ? 1 : -1;
    const expected = [...values.keys()].sort(
      (i, j) => turn * compare(must(values[i]), must(values[j])) || i - j,
    );
    assert.deepEqual(
      sorted.getRows().map(([i]) => i),
      expected,
      `ORDER BY v ${direction}`,
    );
  }
}

function show(value: DuckDBValue): string {
  return Object.is(value, -0) ? "-0" : typeof value === "string" ? JSON.stringify(value) : String(value);
}

function sample<T>(arbitrary: fc.Arbitrary<T>, count: number): readonly T[] {
  return fc.sample(arbitrary, { seed: 20_260_131, numRuns: count });
}

test("texts sort in DuckDB as by compareUtf8", async () => {
  const edges = ["", "a", "ab", "B", "_", "\u0001", "\u007f", "\u0080", "é", "e\u0301", "\u07ff", "\u0800"];
  const planes = ["\ud7ff", "\ue000", "\ufffd", "\uffff", "\u{10000}", "\u{10ffff}", "a\u{10000}", "a\ufffd"];
  // Longer than the twelve bytes that DuckDB keeps inline, and equal in those.
  const long = ["the same beginning", "the same beginning\u{10000}", "the same beginning\ufffd"];
  const random = sample(
    fc.string({
      unit: fc.constantFrom("a", "\ud7ff", "\ue000", "\ufffd", "\u{10000}", "\u{1f600}"),
      maxLength: 5,
    }),
    100,
  );
  const wide = sample(fc.string({ unit: "binary", maxLength: 20 }), 60).map((text) =>
    text.replaceAll("\0", ""),
  );
  await checkOrder({
    values: [...edges, ...planes, ...long, ...random, ...wide],
    compare: compareUtf8,
    bind: (text) => text,
    bindType: VARCHAR,
    sqlType: "VARCHAR",
  });
});

test("UUIDs sort in DuckDB as by compareUuids, unsigned", async () => {
  const edges = [
    "00000000-0000-0000-0000-000000000000",
    "00000000-0000-0000-0000-000000000001",
    "00000000-0000-0000-8000-000000000000",
    "00000000-0000-0001-0000-000000000000",
    "7fffffff-ffff-ffff-ffff-ffffffffffff",
    "80000000-0000-0000-0000-000000000000",
    "80000000-0000-0000-7fff-ffffffffffff",
    "80000000-0000-0000-8000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
  ];
  await checkOrder({
    values: [...edges, ...sample(fc.uuid(), 100)],
    compare: compareUuids,
    bind: (uuid) => uuid,
    bindType: VARCHAR,
    sqlType: "UUID",
  });
});

test("doubles sort in DuckDB as by compareNumbers, -0 and NaN included", async () => {
  const edges = [0, -0, 1, -1, 0.1, 1e21, -1e21, 1e-7, 5e-324, -5e-324, 2 ** 53, 2 ** 53 + 2];
  const beyond = [
    Number.MAX_VALUE,
    -Number.MAX_VALUE,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
  ];
  await checkOrder({
    values: [...edges, ...beyond, ...sample(fc.double(), 100)],
    compare: compareNumbers,
    bind: (value) => value,
    bindType: DOUBLE,
    sqlType: "DOUBLE",
  });
});

const anyMicros = fc.bigInt({ min: tsMicrosMin, max: tsMicrosMax });
const microsEdges = [0n, -1n, 1n, -999_999n, tsMicrosMin, tsMicrosMax, 2n ** 53n, 2n ** 53n + 1n];

test("times sort in DuckDB as microseconds do, and print alike", async () => {
  const values = [...microsEdges, ...sample(anyMicros, 100)];
  for (const sqlType of ["TIMESTAMP", "BIGINT"]) {
    await checkOrder({
      values: values.map((tsMicros) =>
        sqlType === "BIGINT" ? tsMicros : formatTimestamp(tsMicros).slice(0, -1),
      ),
      // As texts of RFC 3339 in UTC, times sort by their characters.
      compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
      bind: (value) => value,
      bindType: sqlType === "BIGINT" ? BIGINT : VARCHAR,
      sqlType,
    });
  }
  await connection.run(
    "CREATE OR REPLACE TABLE times AS SELECT unnest($list) AS micros",
    { list: listValue(values) },
    { list: LIST(BIGINT) },
  );
  const printed = await connection.runAndReadAll(
    `SELECT micros, strftime(make_timestamp(micros), '%Y-%m-%dT%H:%M:%S.%fZ') FROM times`,
  );
  for (const [tsMicros, text] of printed.getRows()) {
    assert.ok(typeof tsMicros === "bigint");
    assert.equal(formatTimestamp(tsMicros), text);
  }
});

test("keys sort in DuckDB as by compareKeys", async () => {
  const anyKey: fc.Arbitrary<EventKey> = fc.record({
    tsMicros: fc.oneof(fc.constantFrom(...microsEdges), anyMicros),
    id: fc.uuid(),
  });
  const keys = sample(anyKey, 200);
  await checkOrder({
    values: keys,
    compare: compareKeys,
    bind: (key) => `{'ts': ${key.tsMicros}, 'id': ${key.id}}`,
    bindType: VARCHAR,
    sqlType: "STRUCT(ts BIGINT, id UUID)",
  });
});

test("digests add up in DuckDB from one column of 64-bit hashes", async () => {
  const max64 = 2n ** 64n - 1n;
  const edges = [0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n, max64, max64];
  const hashes = [...edges, ...sample(fc.bigInt({ min: 0n, max: max64 }), 200)];
  const rows = await connection.runAndReadAll(
    `WITH halves AS (SELECT h, h >> 32 AS hi, h & 4294967295 AS lo FROM (SELECT unnest($list) AS h))
     SELECT sum(h) % 18446744073709551616, sum(lo * hi) % 18446744073709551616,
            sum(lo * lo) % 18446744073709551616, sum(hi * hi) % 18446744073709551616
     FROM halves`,
    { list: listValue(hashes) },
    { list: LIST(UBIGINT) },
  );
  const digest = hashes.reduce((sum, hash) => addDigests(sum, digestOf(hash)), emptyDigest);
  assert.deepEqual(must(rows.getRows()[0]), [...digest.lanes]);
});
