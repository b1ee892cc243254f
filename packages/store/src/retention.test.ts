/** Retention raises horizons, horizons are final, and a clock that jumps moves none. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Retention } from "./core/retention.ts";
import { StoreFixture, storeKinds, uuid } from "./fixture.ts";

const dayMs = 86_400_000;
const keepTenDays: Retention = { defaultMs: 10 * dayMs, byCollection: new Map([["kept", 1000 * dayMs]]) };

function aged(fixture: StoreFixture, days: number, number: number): Record<string, unknown> {
  return { _ts: Number(fixture.env.nowMicros / 1000n) - days * dayMs, _id: uuid(number), days };
}

for (const kind of storeKinds) {
  test(`${kind}: what is older than the retention goes at the next start, and is refused from then on`, async () => {
    const fixture = await StoreFixture.open(kind, { retention: keepTenDays });
    const events = [
      aged(fixture, 1, 1),
      aged(fixture, 9, 2),
      aged(fixture, 20, 3),
      { ...aged(fixture, 30, 4), _deleted: true },
    ];
    for (const collection of ["events", "kept", "epsilon.dashboards"])
      await fixture.write(events.slice(0, 2), { collection });
    await fixture.restart();
    const answer = await fixture.write(events);
    assert.deepEqual(
      answer.rejected.map(({ index, code }) => [index, code]),
      [
        [2, "purged"],
        [3, "purged"],
      ],
    );
    assert.equal(answer.duplicates, 2);
    // Two days pass, a few hours at a time.
    for (let hours = 0; hours < 48; hours += 6) {
      fixture.env.nowMicros += 6n * 3_600_000_000n;
      await fixture.restart();
    }
    assert.deepEqual(
      (await fixture.events()).map(({ days }) => days),
      [1],
    );
    assert.equal((await fixture.events("kept")).length, 2);
    assert.equal((await fixture.events("epsilon.dashboards")).length, 2);
    assert.equal((await fixture.store.collections()).find(({ name }) => name === "events")?.events, 1);
    assert.equal((await fixture.write([events[1]])).rejected[0]?.code, "purged");
    await fixture.end();
  });

  test(`${kind}: a clock that jumped purges nothing until a person confirms it`, async () => {
    const fixture = await StoreFixture.open(kind, { retention: keepTenDays });
    await fixture.write([aged(fixture, 1, 1)]);
    await fixture.restart();
    fixture.env.nowMicros += 400n * 86_400_000_000n;
    await fixture.restart();
    if (kind === "memory") {
      // Nothing is remembered in memory but what the log holds: a new process has no last clock to compare with.
      await fixture.end();
      return;
    }
    assert.match(fixture.store.statistics().purgingStopped ?? "", /9600 hours/);
    assert.equal((await fixture.events()).length, 1);
    await fixture.end();
  });
}

test("where everything is kept, a clock that jumped is no reason to stop", async () => {
  const fixture = await StoreFixture.open("embedded");
  await fixture.write([aged(fixture, 1, 1)]);
  await fixture.restart();
  fixture.env.nowMicros += 400n * 86_400_000_000n;
  await fixture.restart();
  assert.equal(fixture.store.statistics().purgingStopped, null);
  await fixture.end();
});

test("a horizon only moves forward, whatever the retention says later", async () => {
  const fixture = await StoreFixture.open("embedded", { retention: keepTenDays });
  await fixture.write([aged(fixture, 1, 1)]);
  await fixture.restart();
  await fixture.store.close();
  const longer = await StoreFixture.reopen("embedded", fixture.directory, {});
  const answer = await longer.write([aged(fixture, 20, 2)]);
  assert.equal(answer.rejected[0]?.code, "purged");
  await longer.end();
});
