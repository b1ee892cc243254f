/** Conformance of stores: removing and asking. */

import assert from "node:assert/strict";
import { parseFilter, parseQuery } from "@epsilon/query";
import { event, uuid, type WriteOptions } from "./fixture.ts";
import { code, type It } from "./suite.fixture.ts";

function claim(cursor: string, after: string | null = null, source = "web"): WriteOptions {
  return { claim: { source, after, cursor } };
}

/** What is deleted, dropped or forgotten. */
export function removing(it: It): void {
  it("a deleted event is gone and cannot come back", async (fixture) => {
    await fixture.write([event(1), event(2)]);
    const [first] = await fixture.events();
    const key = { tsMicros: BigInt(Date.parse(String(first?.["_ts"]))) * 1000n, id: String(first?.["_id"]) };
    assert.equal(await fixture.store.deleteKeys("events", [key]), 1);
    assert.equal((await fixture.events()).length, 1);
    assert.equal(await fixture.store.deleteKeys("events", [key]), 0);
    const back = await fixture.write([event(1), event(1, { _rev: 5 })]);
    assert.deepEqual([back.stored, back.duplicates], [0, 2]);
    await fixture.restart();
    assert.equal((await fixture.events()).length, 1);
  });

  it("a delete by filter takes what matches", async (fixture) => {
    await fixture.write(Array.from({ length: 100 }, (_, second) => event(second, { user: second % 10 })));
    assert.equal(await fixture.store.deleteWhere("events", parseFilter("user = 7 OR user = 8"), {}), 20);
    assert.equal((await fixture.events()).length, 80);
  });

  it("a dropped collection forgets events, tombstones and cursors", async (fixture) => {
    await fixture.write([event(1), { ...event(2), _deleted: true }], claim("s:1:a"));
    await fixture.store.dropCollection("events");
    assert.equal(await code(fixture.store.dropCollection("events")), "unknown_collection");
    assert.deepEqual(await fixture.store.sources("events"), []);
    assert.deepEqual(await fixture.store.collections(), []);
    const again = await fixture.write([event(1), event(2)], claim("s:1:a"));
    assert.equal(again.stored, 2);
    await fixture.restart();
    assert.equal((await fixture.events()).length, 2);
  });

  it("a forgotten source can begin again", async (fixture) => {
    await fixture.write([event(1)], claim("s:1:a"));
    await fixture.store.forgetSource("events", "web");
    assert.equal(await code(fixture.store.forgetSource("events", "web")), "unknown_source");
    await fixture.write([event(1)], claim("s:1:a"));
    assert.equal((await fixture.events()).length, 1);
  });
}

/** What is asked: collections, scans, tails. */
export function asking(it: It): void {
  it("an unknown collection is unknown, and its sources are none", async (fixture) => {
    const unknown = [
      fixture.store.query("nope", parseQuery("SELECT count"), {}),
      fixture.store.fields("nope"),
      fixture.store.scan({ collection: "nope", filters: [], order: "asc" }, {}),
      fixture.store.deleteKeys("nope", []),
    ];
    assert.deepEqual(await Promise.all(unknown.map(code)), Array(4).fill("unknown_collection"));
    assert.deepEqual(await fixture.store.sources("nope"), []);
    assert.equal(await code(fixture.store.fields("../x")), "bad_collection");
  });

  it("collections tell their counts and bounds", async (fixture) => {
    await fixture.write([event(1), event(100)], { collection: "b.c" });
    await fixture.write([event(5)], { collection: "a" });
    assert.deepEqual(
      (await fixture.store.collections()).map(({ name, events, firstTsMicros, lastTsMicros }) => [
        name,
        events,
        firstTsMicros,
        lastTsMicros,
      ]),
      [
        ["a", 1, 1767225605000000n, 1767225605000000n],
        ["b.c", 2, 1767225601000000n, 1767225700000000n],
      ],
    );
  });

  it("pages of a scan join without a gap or a repeat, in both orders", async (fixture) => {
    await fixture.write(
      Array.from({ length: 25 }, (_, number) => ({ ...event(number >> 1), _id: uuid(number) })),
    );
    for (const order of ["asc", "desc"] as const) {
      const ids: unknown[] = [];
      let after: string | undefined;
      for (let page = 0; page < 10; page++) {
        const scan = await fixture.store.scan(
          { collection: "events", filters: [], order, limit: 7, ...(after === undefined ? {} : { after }) },
          {},
        );
        for await (const { ndjson } of scan.chunks) {
          for (const line of new TextDecoder().decode(ndjson).trim().split("\n"))
            ids.push(JSON.parse(line)["_id"]);
        }
        if (scan.next === null) break;
        after = scan.next;
      }
      const expected = Array.from({ length: 25 }, (_, number) => uuid(number));
      assert.deepEqual(ids, order === "asc" ? expected : expected.reverse());
    }
  });

  it("a scan keeps to its range and filter", async (fixture) => {
    await fixture.write(Array.from({ length: 10 }, (_, second) => event(second, { even: second % 2 === 0 })));
    const scan = await fixture.store.scan(
      {
        collection: "events",
        filters: parseFilter("even = true"),
        order: "asc",
        start: "2026-01-01T00:00:02Z",
        end: "2026-01-01T00:00:08Z",
      },
      {},
    );
    let events = 0;
    for await (const chunk of scan.chunks) events += chunk.events;
    assert.equal(events, 3);
  });

  it("a tail gives what comes, and resumes after an id", async (fixture) => {
    await fixture.write([event(1)]);
    const stop = new AbortController();
    const tail = fixture.store.tail("events", { filters: parseFilter("n > 1"), signal: stop.signal });
    const iterator = tail[Symbol.asyncIterator]();
    const first = iterator.next();
    await fixture.write([event(2, { n: 1 }), event(3, { n: 2 }), event(4, { n: 3 })]);
    const seen = await first;
    assert.equal(JSON.parse(seen.value?.json ?? "{}")["n"], 2);
    assert.equal(JSON.parse((await iterator.next()).value?.json ?? "{}")["n"], 3);
    const resumed = fixture.store.tail("events", {
      filters: [],
      signal: stop.signal,
      after: seen.value?.id ?? "",
    });
    assert.equal(JSON.parse((await resumed[Symbol.asyncIterator]().next()).value?.json ?? "{}")["n"], 3);
    stop.abort();
    assert.equal((await iterator.next()).done, true);
  });

  it("a closed store says so, and closes once", async (fixture) => {
    await fixture.write([event(1)]);
    await Promise.all([fixture.store.close(), fixture.store.close()]);
    assert.equal(await code(fixture.write([event(2)])), "closed");
    assert.equal(await code(fixture.store.query("events", parseQuery("SELECT count"), {})), "closed");
    await fixture.start();
    assert.equal((await fixture.events()).length, 1);
  });
}
