/**
 * What passed prepare always applies. Should the tables refuse a line all the same, it is found, kept aside where
 * `check` shows it, and everything else goes on. A frame that prepare would never write stands in for such a line.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type EventsHeader, encodeHeader } from "./core/frames.ts";
import { event, StoreFixture } from "./fixture.ts";
import { linesOf, run } from "./prepare/prepare.fixture.ts";

async function appendFrame(fixture: StoreFixture, lines: readonly string[]): Promise<void> {
  const log = await fixture.openLog();
  const header: EventsHeader = {
    kind: "events",
    collection: "events",
    at: String(fixture.env.nowMicros),
    received: lines.length,
    rejected: 0,
    lines: lines.length,
    tombstones: 0,
    tsMin: "1767225600000000",
    tsMax: "1767312000000000",
    fields: [["n", 2]],
  };
  await log.append(encodeHeader(header), [Buffer.from(lines.map((line) => `${line}\n`).join(""))]).durable;
  await log.close();
}

const good = (second: number): string => linesOf(run(JSON.stringify(event(second, { n: second }))))[0] ?? "";

test("a line that the tables refuse is set aside alone", async () => {
  const fixture = await StoreFixture.open("embedded");
  await fixture.write([event(1, { n: 1 })]);
  await fixture.store.close();
  const lines = [2, 3, 4, 5, 6, 7, 8, 9].map(good);
  lines.splice(3, 0, good(20).replace('"n":20', '"n":"not a number"'));
  lines.splice(6, 0, good(21).replace("00000000-", "not-a-uuid-"));
  await appendFrame(fixture, lines);
  await fixture.start();
  assert.deepEqual(
    (await fixture.events()).map(({ n }) => n),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  assert.equal(fixture.store.statistics().setAsideEvents, 2);
  const report = await fixture.store.check({});
  assert.equal(report.setAside, 2);
  assert.deepEqual(report.findings, []);
  // Life goes on, and it stays known after a restart.
  await fixture.write([event(10, { n: 10 })]);
  await fixture.restart();
  assert.equal(fixture.store.statistics().setAsideEvents, 2);
  assert.equal((await fixture.events()).length, 10);
  await fixture.end();
});

test("a group of nothing but refused lines is set aside too", async () => {
  const fixture = await StoreFixture.open("embedded");
  await fixture.write([event(1, { n: 1 })]);
  await fixture.store.close();
  await appendFrame(fixture, [good(2).replace('"n":2', '"n":"x"')]);
  await fixture.start();
  assert.equal((await fixture.events()).length, 1);
  assert.equal(fixture.store.statistics().setAsideEvents, 1);
  await fixture.end();
});
