/** What a read leaves behind: a connection whose work failed is not lent again, and who was stopped is told why. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { testEnv } from "../fixture.ts";
import { Database } from "./database.ts";

async function withDatabase(work: (database: Database) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "epsilon-database-"));
  const database = await Database.open(testEnv().clock, {
    path: join(directory, "data.duckdb"),
    temporaryDirectory: join(directory, "spill"),
    memoryBytesMax: 200_000_000,
    temporaryBytesMax: 10_000_000,
    threads: 1,
    checkpointBytes: 16_000_000,
  });
  try {
    await work(database);
  } finally {
    database.close();
    await rm(directory, { recursive: true, force: true });
  }
}

const endless = "SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE a.range * b.range = 7";

test("a transaction that failed work left open does not reach whoever reads next", async () => {
  await withDatabase(async (database) => {
    const failing = database.withReader({}, async (connection) => {
      await connection.run("BEGIN TRANSACTION READ ONLY");
      await connection.run("SELECT nothing_of_this_name");
    });
    await assert.rejects(failing);
    assert.equal(database.runningReads, 0);
    await database.withReader({}, async (connection) => {
      await connection.run("BEGIN TRANSACTION READ ONLY");
      await connection.run("ROLLBACK");
    });
    assert.deepEqual(await database.read("SELECT 42", {}), [[42]]);
  });
});

test("a stream that its reader leaves gives everything back", async () => {
  await withDatabase(async (database) => {
    for await (const rows of database.stream("SELECT range FROM range(1000000)", {})) {
      assert.notEqual(rows.length, 0);
      assert.equal(database.runningReads, 1);
      break;
    }
    assert.equal(database.runningReads, 0);
    assert.deepEqual(await database.read("SELECT 42", {}), [[42]]);
  });
});

test("aborted before, during and between, a read rejects with the signal's reason and others go on", async () => {
  await withDatabase(async (database) => {
    for (let turns = 0; turns < 20; turns += 1) {
      const caller = new AbortController();
      const reading = database.read(endless, { signal: caller.signal });
      reading.catch(() => undefined);
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      caller.abort();
      await assert.rejects(reading);
      assert.equal(database.runningReads, 0);
      assert.deepEqual(await database.read("SELECT 42", {}), [[42]]);
    }
  });
});

test("a read that has to make way for a write is told so, not that its caller went away", async () => {
  await withDatabase(async (database) => {
    const caller = new AbortController();
    let isOver = false;
    const reading = database.read(endless, { signal: caller.signal }).finally(() => {
      isOver = true;
    });
    reading.catch(() => undefined);
    // Like a writer that tries again: an interrupt while a statement is being prepared is forgotten.
    while (!isOver) {
      database.interruptReads();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await assert.rejects(reading, { code: "query_out_of_memory", message: /a write needed its memory/ });
  });
});
