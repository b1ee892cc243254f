/** Conformance of stores: digests, keys and whole events, by which instances are compared and repaired. */

import assert from "node:assert/strict";
import {
  addDigests,
  compareKeys,
  type Digest,
  digestOf,
  type EventKey,
  emptyDigest,
  formatDigest,
  parseKey,
  versionHash64,
} from "@epsilon/model";
import type { DigestPart, DigestRequest, KeyRange } from "./comparing.ts";
import type { ScanChunk } from "./event-store.ts";
import { event, type StoreFixture, uuid } from "./fixture.ts";
import type { It } from "./suite.fixture.ts";

const everything: KeyRange = { from: null, to: null };
const dayMs = 86_400_000;

/** Digests, keys and fetch. */
export function comparing(it: It): void {
  it("an unknown collection compares as an empty one", async (fixture) => {
    const [parts] = await digests(fixture, { ranges: [everything], split: 16 }, "nope");
    assert.deepEqual(parts, [{ ...everything, count: 0, digest: formatDigest(emptyDigest) }]);
    assert.deepEqual(await keysOf(fixture, everything, "nope"), []);
    assert.deepEqual(await lines(await fixture.store.comparing.eventsOf("nope", [key(1)], {})), []);
  });

  it("the way there does not show in a digest", async (fixture) => {
    const events = Array.from({ length: 300 }, (_, at) => event(at * 4_000, { at }));
    await fixture.write(events, { collection: "a" });
    for (let at = 299; at >= 0; at -= 7) await fixture.write(events.slice(at), { collection: "b" });
    await fixture.write([event(0, { at: "other", _rev: 1 })], { collection: "b" });
    await fixture.write(events, { collection: "b" });
    await fixture.write([event(0, { at: "other", _rev: 1 })], { collection: "a" });
    const dead = [{ ...key(4_000) }, key(8_000)];
    await fixture.store.deleteKeys("a", dead);
    for (const one of dead.reverse()) await fixture.store.deleteKeys("b", [one]);
    const request = { ranges: [everything, { from: key(5_000), to: key(900_000) }], split: 5 };
    assert.deepEqual(await digests(fixture, request, "a"), await digests(fixture, request, "b"));
    assert.deepEqual(await keysOf(fixture, everything, "a"), await keysOf(fixture, everything, "b"));
    await fixture.restart();
    assert.deepEqual(await digests(fixture, request, "a"), await digests(fixture, request, "b"));
  });

  it("parts are consecutive, about equal, and exactly the range", async (fixture) => {
    // One large day, many small ones, and many events at one microsecond.
    const large = Array.from({ length: 900 }, (_, at) => event(at * 90, { at }));
    const small = Array.from({ length: 300 }, (_, at) => ({
      _ts: Date.UTC(2026, 1, 1) + at * dayMs,
      _id: uuid(at),
    }));
    const same = Array.from({ length: 400 }, (_, at) => ({ _ts: Date.UTC(2025, 0, 1), _id: uuid(at) }));
    await fixture.write([...large, ...small, ...same]);
    await fixture.store.deleteKeys("events", [key(90), key(180)]);
    const all = await keysOf(fixture, everything);
    assert.equal(all.length, 1600);
    for (const range of [
      everything,
      { from: key(0), to: null },
      { from: key(3_000), to: key(60_000) },
      { from: null, to: key(500) },
      { from: { tsMicros: BigInt(Date.UTC(2025, 0, 1)) * 1000n, id: uuid(77) }, to: key(5) },
    ]) {
      for (const split of [1, 2, 16, 100]) {
        const [parts = []] = await digests(fixture, { ranges: [range], split });
        assertPartition(parts, range);
        assert.ok(parts.length <= split, `${parts.length} parts`);
        const total = parts.reduce((sum, part) => sum + part.count, 0);
        for (const part of parts) {
          assert.deepEqual(part, { ...part, ...sumOf(all, part) });
          if (split <= 16)
            assert.ok(part.count <= Math.ceil((total / split) * 2), `${part.count} of ${total}/${split}`);
        }
        if (split === 16) assert.ok(parts.length >= 8, `${parts.length} parts`);
      }
    }
  });

  it("bounds cut where they say", async (fixture) => {
    await fixture.write(Array.from({ length: 500 }, (_, at) => event(at * 700, { at })));
    const all = await keysOf(fixture, everything);
    const bounds = [key(70_000), key(7_000), key(7_000), key(200_001)];
    const ranges = [everything, { from: key(8_000), to: key(100_000) }];
    const [whole = [], inner = []] = await digests(fixture, { ranges, split: 1, bounds });
    assert.deepEqual(
      whole.map((part) => part.to),
      [key(7_000), key(70_000), key(200_001), null],
    );
    assert.deepEqual(
      inner.map((part) => part.to),
      [key(70_000), key(100_000)],
    );
    for (const part of [...whole, ...inner]) assert.deepEqual(part, { ...part, ...sumOf(all, part) });
    const backwards = { ranges: [{ from: key(2), to: key(1) }], split: 1 };
    await assert.rejects(digests(fixture, backwards), { code: "bad_request" });
  });

  it("what is fetched has the version that was said, and can be written elsewhere", async (fixture) => {
    await fixture.write([
      event(1, { text: "ä\u0000b".replace("\u0000", ""), number: 1e21, yes: true }),
      event(2, { number: -0.1, _rev: 3 }),
      { ...event(3), _deleted: true },
      event(4),
    ]);
    const all = await keysOf(fixture, everything);
    assert.deepEqual(
      all.map(({ deleted }) => deleted),
      [false, false, true, false],
    );
    const wanted = [key(3), key(1), key(2), key(99)];
    const fetched = await lines(await fixture.store.comparing.eventsOf("events", wanted, {}));
    assert.equal(fetched.length, 3);
    await fixture.write(fetched.join("\n"), { collection: "copy" });
    assert.deepEqual(await keysOf(fixture, everything, "copy"), all.slice(0, 3));
  });
}

function key(second: number): EventKey {
  return { tsMicros: BigInt(Date.UTC(2026, 0, 1) + second * 1000) * 1000n, id: uuid(second) };
}

function digests(
  fixture: StoreFixture,
  request: DigestRequest,
  collection = "events",
): Promise<readonly (readonly DigestPart[])[]> {
  return fixture.store.comparing.digests(collection, request, {});
}

interface Listed extends EventKey {
  readonly version: string;
  readonly deleted: boolean;
}

async function keysOf(
  fixture: StoreFixture,
  range: KeyRange,
  collection = "events",
): Promise<readonly Listed[]> {
  const found = await lines(await fixture.store.comparing.keys(collection, range, {}));
  return found.map((line) => {
    const { version, _deleted: deleted = false, ...rest } = JSON.parse(line) as Record<string, unknown>;
    return { ...parseKey(rest), version: String(version), deleted: deleted === true };
  });
}

async function lines(chunks: AsyncIterable<ScanChunk>): Promise<readonly string[]> {
  let text = "";
  let events = 0;
  for await (const chunk of chunks) {
    text += new TextDecoder().decode(chunk.ndjson);
    events += chunk.events;
  }
  const found = text.split("\n").filter((line) => line !== "");
  assert.equal(found.length, events);
  return found;
}

function assertPartition(parts: readonly DigestPart[], range: KeyRange): void {
  assert.deepEqual(parts[0]?.from, range.from);
  assert.deepEqual(parts[parts.length - 1]?.to, range.to);
  for (const [index, part] of parts.entries()) {
    if (index > 0) assert.deepEqual(part.from, parts[index - 1]?.to);
    if (part.from !== null && part.to !== null) assert.equal(compareKeys(part.from, part.to), -1);
  }
}

function sumOf(
  all: readonly Listed[],
  { from, to }: KeyRange,
): { readonly count: number; readonly digest: string } {
  const inside = all.filter(
    (one) => (from === null || compareKeys(from, one) <= 0) && (to === null || compareKeys(one, to) < 0),
  );
  const total = inside.reduce<Digest>(
    (sum, { version }) => addDigests(sum, digestOf(versionHash64(version))),
    emptyDigest,
  );
  return { count: total.count, digest: formatDigest(total) };
}
