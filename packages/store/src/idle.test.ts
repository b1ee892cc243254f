/** After a quiet while the tables put themselves in order: once, and not while something goes on. */

import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { SimClock } from "@epsilon/env/testing";
import { Idle } from "./core/idle.ts";
import { event, StoreFixture } from "./fixture.ts";

test("it works once after each quiet while, and never after it was stopped", async () => {
  const clock = new SimClock();
  let works = 0;
  const idle = new Idle(clock, {
    afterMs: 1000,
    work: async () => {
      works += 1;
    },
  });
  await clock.advance(5000);
  assert.equal(works, 0, "nothing has happened yet");
  for (let stirred = 0; stirred < 5; stirred++) {
    idle.stir();
    await clock.advance(900);
  }
  assert.equal(works, 0, "it was never quiet for long");
  await clock.advance(200);
  assert.equal(works, 1);
  await clock.advance(5000);
  assert.equal(works, 1, "once is enough");
  idle.stir();
  idle.stop();
  await clock.advance(5000);
  assert.equal(works, 1);
  assert.equal(clock.sleeping, 0);
});

test("what was written goes into the database's file when nothing more comes", async () => {
  const fixture = await StoreFixture.open("embedded", { limits: { restAfterMs: 1 } });
  const wal = join(fixture.directory, "data.duckdb.wal");
  const walBytes = async (): Promise<number> => (await stat(wal).catch(() => ({ size: 0 }))).size;
  await fixture.write(
    Array.from({ length: 60_000 }, (_, second) => event(second, { text: `some text ${second}` })),
  );
  // Each of these waits for the tables, and so gives the rest its turn.
  for (let tries = 0; tries < 500 && (await walBytes()) > 1_000_000; tries++) await fixture.store.check({});
  assert.ok((await walBytes()) < 1_000_000, `${await walBytes()} bytes are in DuckDB's own log`);
  assert.equal((await fixture.events()).length, 60_000);
  await fixture.end();
});
