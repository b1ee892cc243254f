/** What a question may take, and what others notice of it: deadlines, cancelling, memory; and a disk that is full. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { createSimEnv } from "@epsilon/env/testing";
import { EpsilonError } from "@epsilon/model";
import { parseQuery, type Query } from "@epsilon/query";
import { translate } from "./embedded/database.ts";
import { event, requestOf, StoreFixture } from "./fixture.ts";
import { type EmbeddedOptions, openMemoryStore } from "./open.ts";

const eventCount = 60_000;

/** Takes DuckDB many seconds: as many regular expressions over all events as there are columns. */
const heavy: Query = parseQuery(
  `SELECT ${Array.from({ length: 200 }, (_, index) => `p99(n) IF (text MATCHES "(a|b|c|${index})*x${index}$") AS c${index}`).join(", ")}`,
);
const light = parseQuery("SELECT count");

async function openFilled(options: Partial<EmbeddedOptions> = {}): Promise<StoreFixture> {
  const fixture = await StoreFixture.open("embedded", options);
  const text = "abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabc";
  await fixture.write(
    Array.from({ length: eventCount }, (_, second) => event(second, { n: second, text: `${text}${second}` })),
  );
  return fixture;
}

async function countOf(fixture: StoreFixture): Promise<unknown> {
  return (await fixture.store.query("events", light, {})).summary?.[0]?.["count"];
}

async function isRunning(fixture: StoreFixture): Promise<void> {
  while (fixture.store.statistics().runningQueries === 0) await setImmediate();
}

test("a query ends at its deadline, and the next one is answered", async () => {
  const fixture = await openFilled();
  const { clock } = fixture.env;
  let strike = (): void => assert.fail("nobody waits for the deadline");
  const { sleep } = clock;
  clock.sleep = (ms, signal) =>
    ms === 1234
      ? new Promise((resolve) => {
          strike = resolve;
        })
      : sleep(ms, signal);
  const asked = fixture.store.query("events", heavy, { deadlineMs: 1234 });
  await isRunning(fixture);
  strike();
  await assert.rejects(asked, (error) => {
    assert.ok(error instanceof EpsilonError);
    assert.equal(error.code, "query_timeout");
    assert.match(error.message, /1234 ms/);
    return true;
  });
  assert.equal(fixture.store.statistics().runningQueries, 0);
  assert.equal(await countOf(fixture), eventCount);
  await fixture.end();
});

test("while a heavy query runs, writes are applied and other questions are answered; cancelled, it ends", async () => {
  const fixture = await openFilled();
  const caller = new AbortController();
  let hasEnded = false;
  const asked = fixture.store.query("events", heavy, { signal: caller.signal }).finally(() => {
    hasEnded = true;
  });
  asked.catch(() => undefined);
  await isRunning(fixture);
  for (let index = 0; index < 5; index += 1) {
    const answer = await fixture.write([event(eventCount + index, { n: index, text: "new" })]);
    assert.equal(answer.stored, 1);
    assert.equal(await countOf(fixture), eventCount + index + 1);
  }
  assert.equal(hasEnded, false, "the query is heavier than all that");
  caller.abort();
  await assert.rejects(asked, { code: "query_cancelled" });
  assert.equal(fixture.store.statistics().runningQueries, 0);
  await fixture.end();
});

test("a query that needs more memory than there is says so, and everything else goes on", async () => {
  const fixture = await openFilled({ memoryBytesMax: 100_000_000, temporaryBytesMax: 1_000_000 });
  const columns = Array.from(
    { length: 60 },
    (_, index) => `count_distinct(text) IF (n >= ${index}) AS c${index}`,
  );
  const large = parseQuery(`SELECT ${columns.join(", ")}`);
  await assert.rejects(fixture.store.query("events", large, {}), { code: "query_out_of_memory" });
  assert.equal((await fixture.write([event(eventCount, { n: 1 })])).stored, 1);
  assert.equal(await countOf(fixture), eventCount + 1);
  await fixture.end();
});

test("more questions at once than there may be wait until others are over, or as long as they may", async () => {
  const fixture = await StoreFixture.open("embedded");
  await fixture.write([event(1), event(2)]);
  const scans = await Promise.all(
    Array.from({ length: 64 }, () =>
      fixture.store.scan({ collection: "events", filters: [], order: "asc" }, {}),
    ),
  );
  // A stream is a question from its first stretch on, for as long as it is not read to its end.
  const streams = scans.map(({ chunks }) => chunks[Symbol.asyncIterator]());
  await Promise.all(streams.map((stream) => stream.next()));
  const late = fixture.store.query("events", light, { deadlineMs: 5 });
  await assert.rejects(late, { code: "query_timeout" });
  await assert.rejects(fixture.store.query("events", light, { signal: AbortSignal.abort() }));
  let isAnswered = false;
  const waiting = Promise.all([countOf(fixture), countOf(fixture)]).then((counts) => {
    isAnswered = true;
    return counts;
  });
  // Writes wait for nobody; these two were asked before it, and need not see it.
  assert.equal((await fixture.write([event(3)])).stored, 1);
  assert.equal(isAnswered, false);
  await streams[0]?.return?.();
  for (const count of await waiting) assert.ok(count === 2 || count === 3, `${count}`);
  assert.equal(await countOf(fixture), 3);
  await Promise.all(streams.map((stream) => stream.return?.()));
  await fixture.end();
});

test("a full disk refuses a write and loses nothing; with room again, writes go on", async () => {
  const sim = createSimEnv(7);
  const open = () => openMemoryStore(sim.boot(), { directory: "/data" });
  let store = await open();
  const write = (second: number) => store.write(requestOf([event(second, { n: second })], {}));
  await write(1);
  sim.disk.setCapacity(sim.disk.usedBytes);
  for (const second of [2, 3]) await assert.rejects(write(second), { code: "disk_full" });
  const count = async () => (await store.query("events", light, {})).summary?.[0]?.["count"];
  assert.equal(await count(), 1);
  sim.disk.setCapacity(Number.POSITIVE_INFINITY);
  assert.equal((await write(4)).stored, 1);
  assert.equal((await write(2)).stored, 1);
  sim.crash();
  store = await open();
  assert.equal(await count(), 3);
  await store.close();
});

test("a DuckDB that gave up is a store that failed, whatever made it give up: waiting would not help", () => {
  const cases = [
    ["FATAL Error: Failed to create checkpoint: No space left on device", "store_failed"],
    ['FATAL Error: database has been invalidated. Original error: "Checksum mismatch"', "store_failed"],
    ["IO Error: Could not write file: No space left on device", "disk_full"],
  ] as const;
  for (const [text, expected] of cases) {
    const error = translate(new Error(text), "write");
    assert.ok(error instanceof EpsilonError);
    assert.equal(error.code, expected);
  }
});
