/** Whatever text stands in a statement comes out of DuckDB as it went in: no text ends its own quotes. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { quoteIdentifier, quoteString } from "@epsilon/query";
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

/** Any well-formed text without NUL, with a lot of what could end a quote. */
const anyText = fc
  .oneof(
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.string({
      unit: fc.constantFrom(
        "'",
        '"',
        "\\",
        ";",
        "-",
        "/",
        "*",
        "$",
        "\n",
        "?",
        "{",
        "a",
        "\u{1f600}",
        "\u2028",
      ),
      maxLength: 12,
    }),
    fc.constantFrom("'; DROP TABLE t; --", '"; DROP TABLE t; --', "E'\\''", "$$", "\\'", "/*", ""),
  )
  .map((text) => text.replaceAll("\0", ""));

test("a text literal is the text", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyText, { minLength: 1, maxLength: 10 }), async (texts) => {
      const reader = await connection.runAndReadAll(`SELECT ${texts.map(quoteString).join(", ")}`);
      assert.deepEqual(reader.getRows(), [texts]);
    }),
    { numRuns: 200 },
  );
});

test("an identifier names the column of that name", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyText.filter((text) => text !== ""),
      async (name) => {
        const quoted = quoteIdentifier(name);
        const reader = await connection.runAndReadAll(
          `SELECT ${quoted} AS ${quoted} FROM (SELECT 42 AS ${quoted})`,
        );
        assert.deepEqual(reader.columnNames(), [name]);
        assert.deepEqual(reader.getRows(), [[42]]);
      },
    ),
    { numRuns: 300 },
  );
});

test("NUL is refused", () => {
  assert.throws(() => quoteString("a\0b"), { code: "bad_request" });
  assert.throws(() => quoteIdentifier("\0"), { code: "bad_request" });
});
