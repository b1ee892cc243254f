/** Snapshots of an embedded store: what they hold, what they take over, what is told to sources, what verifies. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryObjects, type ObjectFault } from "@epsilon/objects/testing";
import { event, StoreFixture } from "../fixture.ts";
import type { SnapshotInfo } from "../snapshots.ts";

const hourMicros = 3_600_000_000n;

async function withSnapshots(
  work: (fixture: StoreFixture, objects: MemoryObjects) => Promise<void>,
  rowsPerFile = 1_000,
): Promise<void> {
  const objects = new MemoryObjects();
  const fixture = await StoreFixture.open("embedded", { snapshots: { objects, rowsPerFile } });
  try {
    await work(fixture, objects);
  } finally {
    await fixture.end();
  }
}

async function snapshot(fixture: StoreFixture): Promise<SnapshotInfo> {
  const { snapshots } = fixture.store;
  const { id } = await snapshots.create({ external: false });
  await snapshots.finished();
  fixture.env.nowMicros += hourMicros;
  return snapshots.get(id);
}

function range(from: number, to: number): readonly Record<string, unknown>[] {
  return Array.from({ length: to - from }, (_, at) => event(from + at, { at: from + at, text: "x" }));
}

test("the first is full, the next takes its files over, and both verify", () =>
  withSnapshots(async (fixture) => {
    await fixture.write(range(0, 100));
    const first = await snapshot(fixture);
    assert.deepEqual([first.state, first.kind, first.base, first.files], ["good", "month", null, 1]);
    const same = await snapshot(fixture);
    assert.deepEqual([same.state, same.kind, same.base, same.files], ["good", "hour", first.id, 1]);
    await fixture.write([...range(100, 150), event(7, { at: "corrected", _rev: 1 })]);
    await fixture.store.deleteKeys("events", [
      { tsMicros: 1_767_225_609_000_000n, id: event(9)["_id"] as string },
    ]);
    const third = await snapshot(fixture);
    assert.deepEqual([third.state, third.base, third.files], ["good", same.id, 2]);
    assert.deepEqual(
      third.collections.map(({ name, events, tombstones }) => [name, events, tombstones]),
      [["events", 149, 1]],
    );
    for (const { id } of [first, same, third]) {
      const verified = await fixture.store.snapshots.verify(id, { deep: true });
      assert.deepEqual([verified.state, verified.error], ["good", null]);
    }
    const [parts] = await fixture.store.comparing.digests(
      "events",
      { ranges: [{ from: null, to: null }], split: 1 },
      {},
    );
    assert.equal(third.collections[0]?.digest, parts?.[0]?.digest);
  }));

test("a large collection is cut into files, and a broken-off one is gone on with", () =>
  withSnapshots(async (fixture, objects) => {
    for (let at = 0; at < 6; at++) {
      await fixture.write(range(at * 10, at * 10 + 10));
      // Whoever asks waits until it is applied, so each is a commit of its own.
      await fixture.store.collections();
    }
    let puts = 0;
    const breaking = (operation: string): ObjectFault => {
      if (operation !== "put") return "none";
      puts += 1;
      return puts === 3 ? { fail: "destination_unreachable" } : "none";
    };
    objects.fault = breaking;
    const failed = await snapshot(fixture);
    assert.equal(failed.state, "failed");
    const kept = objects.names();
    assert.equal(kept.length, 2);
    objects.fault = () => "none";
    const good = await snapshot(fixture);
    assert.deepEqual([good.state, good.files], ["good", 3]);
    for (const name of kept) assert.ok(objects.names().includes(name), name);
    assert.equal((await fixture.store.snapshots.verify(good.id, { deep: true })).state, "good");
  }, 20));

test("sources are told the last good one but one, and the word goes back", () =>
  withSnapshots(async (fixture, objects) => {
    const told = async (): Promise<string | null | undefined> =>
      (await fixture.store.sources("events"))[0]?.streams[0]?.snapshotted;
    await fixture.write(range(0, 1), { claim: { source: "a", after: null, cursor: "s:1:x" } });
    await snapshot(fixture);
    assert.equal(await told(), null);
    await fixture.write(range(1, 2), { claim: { source: "a", after: "s:1:x", cursor: "s:2:x" } });
    const second = await snapshot(fixture);
    assert.equal(await told(), "s:1:x");
    const third = await fixture.write(range(2, 3), {
      claim: { source: "a", after: "s:2:x", cursor: "s:3:x" },
    });
    assert.equal(third.snapshotted, "s:1:x");
    await snapshot(fixture);
    assert.equal(await told(), "s:2:x");
    await fixture.restart();
    assert.equal(await told(), "s:2:x");
    const file = objects.names().find((name) => name.endsWith(".parquet")) ?? "";
    objects.corrupt(file, 30);
    assert.equal((await fixture.store.snapshots.verify(second.id, { deep: false })).state, "bad");
    assert.equal(await told(), "s:1:x");
  }));

test("a lost upload makes none, and a lost file makes the next one full", () =>
  withSnapshots(async (fixture, objects) => {
    await fixture.write(range(0, 50));
    objects.fault = (operation, name) => (operation === "put" && name.endsWith(".parquet") ? "lost" : "none");
    const failed = await snapshot(fixture);
    assert.deepEqual([failed.state, /is not there/.test(failed.error ?? "")], ["failed", true]);
    objects.fault = () => "none";
    await snapshot(fixture);
    for (const name of objects.names()) if (name.endsWith(".parquet")) objects.lose(name);
    const full = await snapshot(fixture);
    assert.deepEqual([full.state, full.base], ["good", null]);
    assert.equal((await fixture.store.snapshots.verify(full.id, { deep: true })).state, "good");
  }));

test("what is not to be kept goes, with the files that no other needs", () =>
  withSnapshots(async (fixture, objects) => {
    for (let hour = 0; hour < 60; hour++) {
      await fixture.write(range(hour * 10, hour * 10 + 10));
      await snapshot(fixture);
    }
    const list = fixture.store.snapshots.list();
    assert.ok(list.length < 35, `${list.length} are kept`);
    const needed = new Set(list.flatMap(({ id }) => id));
    assert.equal(objects.names().filter((name) => name.endsWith(".json")).length, needed.size);
    for (const { id } of list.slice(0, 3))
      assert.equal((await fixture.store.snapshots.verify(id, { deep: false })).state, "good");
    assert.ok(objects.names().length < 100, `${objects.names().length} objects`);
  }));

test("a dropped collection takes over nothing of its earlier life", () =>
  withSnapshots(async (fixture) => {
    await fixture.write(range(0, 50));
    await snapshot(fixture);
    await fixture.store.dropCollection("events");
    await fixture.write([event(1, { other: true })]);
    const after = await snapshot(fixture);
    assert.deepEqual(
      after.collections.map(({ events }) => events),
      [1],
    );
    assert.equal((await fixture.store.snapshots.verify(after.id, { deep: true })).state, "good");
  }));

test("a provider's image counts once it is confirmed", () =>
  withSnapshots(async (fixture) => {
    await fixture.write(range(0, 1), { claim: { source: "a", after: null, cursor: "s:1:x" } });
    const { snapshots } = fixture.store;
    for (let count = 0; count < 2; count++) {
      const marked = await snapshots.create({ external: true });
      assert.equal(marked.state, "marked");
      assert.equal((await fixture.store.sources("events"))[0]?.streams[0]?.snapshotted, null);
      assert.equal((await snapshots.confirm(marked.id)).state, "good");
    }
    assert.equal((await fixture.store.sources("events"))[0]?.streams[0]?.snapshotted, "s:1:x");
    await assert.rejects(snapshots.confirm("nothing"), { code: "unknown_snapshot" });
  }));
