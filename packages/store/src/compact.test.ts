/** What was deleted one by one leaves the file at a clean stop, if it is much; the rest is all there. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { event, StoreFixture } from "./fixture.ts";

async function rowsInFile(directory: string): Promise<number> {
  const instance = await DuckDBInstance.create(join(directory, "data.duckdb"), { access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  const result = await connection.runAndReadAll(
    `SELECT sum(count) FROM pragma_storage_info('events."events"') WHERE column_name = '_rev' AND segment_type <> 'VALIDITY'`,
  );
  connection.closeSync();
  instance.closeSync();
  return Number(result.getRows()[0]?.[0]);
}

test("a clean stop takes out what was deleted, if it is much", async () => {
  const fixture = await StoreFixture.open("embedded");
  // More than two of DuckDB's row groups: it joins them, and does not shrink one.
  const count = 260_000;
  for (let from = 0; from < count; from += 65_000) {
    await fixture.write(Array.from({ length: 65_000 }, (_, at) => event(from + at, { n: at % 10 })));
  }
  const below = (value: number): Promise<number> =>
    fixture.store.deleteWhere("events", [{ kind: "compare", field: "n", op: "<", value }], {
      signal: new AbortController().signal,
    });
  assert.equal(await below(1), count / 10);
  await fixture.store.close();
  assert.equal(await rowsInFile(fixture.directory), count, "a tenth is not worth it");
  await fixture.start();
  assert.equal(await below(9), (count / 10) * 8);
  await fixture.store.close();
  assert.equal(await rowsInFile(fixture.directory), count / 10);
  await fixture.start();
  assert.equal((await fixture.events()).length, count / 10);
  assert.ok((await fixture.store.check({ signal: new AbortController().signal })).sound);
  await fixture.end();
});
