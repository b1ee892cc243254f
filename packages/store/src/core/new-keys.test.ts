/** What is called new is new, whatever is logged, applied, dropped and forgotten in between; and live events are. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "@epsilon/model";
import fc from "fast-check";
import { now, options, run } from "../prepare/prepare.fixture.ts";
import { prepare } from "../prepare/prepare.ts";
import type { EventsHeader, LoggedFrame } from "./frames.ts";
import { KeySet } from "./key-set.ts";
import { NewKeys } from "./new-keys.ts";
import { TimeRanges } from "./time-ranges.ts";

interface Key {
  readonly ts: number;
  readonly id: number;
}

const payload = new Uint8Array(0);

function frameOf(keys: readonly Key[], start: number, tombstones = 0): LoggedFrame {
  const times = keys.map(({ ts }) => ts);
  const header: EventsHeader = {
    kind: "events",
    collection: "c",
    at: "0",
    received: keys.length,
    rejected: 0,
    lines: keys.length,
    tombstones,
    ...(keys.length === 0 ? {} : { tsMin: String(Math.min(...times)), tsMax: String(Math.max(...times)) }),
    fields: [],
  };
  return { start, end: start + 1, header, payload };
}

function dropAt(start: number): LoggedFrame {
  return { start, end: start + 1, header: { kind: "drop", collection: "c" }, payload };
}

const hashesOf = (keys: readonly Key[]): Float64Array => Float64Array.from(keys, ({ id }) => id);
const nothing = { appliedOffset: 0, covered: [] };

const key: fc.Arbitrary<Key> = fc.record({ ts: fc.nat(30), id: fc.integer({ min: 1, max: 40 }) });
type Step =
  | { readonly kind: "write"; readonly keys: readonly Key[]; readonly remembered: boolean }
  | { readonly kind: "apply"; readonly frames: number }
  | { readonly kind: "drop" };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      keys: fc.array(key, { maxLength: 4 }),
      remembered: fc.integer({ min: 0, max: 5 }).map((dice) => dice > 0),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("apply" as const), frames: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("drop" as const) }) },
);

test("what is called new was never there and is there once", () => {
  let called = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.array(key, { maxLength: 5 }), (steps, before) => {
      const newKeys = new NewKeys({
        appliedOffset: 0,
        covered: before.map(({ ts }) => ({ collection: "c", from: BigInt(ts), to: BigInt(ts) })),
      });
      const nameOf = ({ ts, id }: Key): string => `${ts} ${id}`;
      const there = new Set(before.map(nameOf));
      let [logged, applied] = [0, 0];
      for (const one of steps) {
        if (one.kind === "apply") {
          applied = Math.min(logged, applied + one.frames);
          newKeys.applied(applied);
        } else if (one.kind === "drop") {
          assert.equal(newKeys.take(dropAt(logged++), null), false);
          there.clear();
        } else {
          const frame = frameOf(one.keys, logged++);
          const isNew = newKeys.take(frame, one.remembered ? hashesOf(one.keys) : null);
          const names = one.keys.map(nameOf);
          const really = names.every((name) => !there.has(name)) && new Set(names).size === names.length;
          if (isNew) assert.ok(really, names.join(", "));
          if (isNew && names.length > 0) called += 1;
          for (const name of names) there.add(name);
        }
      }
    }),
    { numRuns: 3000 },
  );
  assert.ok(called > 1500, `only ${called} frames were called new`);
});

test("live events are called new, a little out of order too, and again after a drop", () => {
  const newKeys = new NewKeys({ appliedOffset: 0, covered: [{ collection: "c", from: 0n, to: 90n }] });
  let offset = 0;
  const write = (ts: number, id: number): boolean => {
    const keys = [{ ts, id }];
    return newKeys.take(frameOf(keys, offset++), hashesOf(keys));
  };
  let id = 1;
  for (let ts = 100; ts < 5000; ts += 10) {
    assert.ok(write(ts, id++), `live at ${ts}`);
    // Late by less than what was applied with the last group but one.
    assert.ok(write(ts - 5, id++), `late at ${ts}`);
    if (ts % 100 === 0) newKeys.applied(offset);
  }
  assert.equal(write(50, id++), false, "where the tables have events");
  newKeys.applied(offset);
  assert.equal(write(300, id++), false, "where they have them since then");
  newKeys.take(dropAt(offset++), null);
  assert.ok(write(300, id++), "nothing is there after a drop");
});

test("one event from the far future does not make today's look old", () => {
  const newKeys = new NewKeys(nothing);
  const future = [{ ts: 1_000_000, id: 1 }];
  assert.ok(newKeys.take(frameOf(future, 0), hashesOf(future)));
  for (let offset = 1; offset < 2000; offset++) {
    newKeys.applied(offset);
    const keys = [{ ts: offset * 2, id: offset + 1 }];
    assert.ok(newKeys.take(frameOf(keys, offset), hashesOf(keys)));
  }
});

test("a tombstone is never foreseen", () => {
  const keys = [{ ts: 1, id: 1 }];
  assert.equal(new NewKeys(nothing).take(frameOf(keys, 0, 1), hashesOf(keys)), false);
});

test("a set of hashes is a set", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { maxLength: 3000 }),
      (all) => {
        const hashes = [...all, ...all.slice(0, 10)];
        const [set, expected] = [new KeySet(), new Set<number>()];
        for (const hash of hashes) {
          assert.equal(set.has(hash), expected.has(hash));
          assert.equal(set.add(hash), !expected.has(hash));
          expected.add(hash);
        }
        assert.equal(set.size, expected.size);
        for (const hash of expected) assert.ok(set.has(hash));
      },
    ),
    { numRuns: 200 },
  );
});

test("time ranges have every moment that was added, and are few", () => {
  const range = fc.tuple(fc.nat(2000), fc.nat(30));
  fc.assert(
    fc.property(fc.array(range, { maxLength: 600 }), fc.array(range, { maxLength: 50 }), (added, asked) => {
      const ranges = new TimeRanges();
      const moments = new Set<number>();
      for (const [from, length] of added) {
        ranges.add(BigInt(from), BigInt(from + length));
        for (let at = from; at <= from + length; at++) moments.add(at);
        assert.ok(ranges.ranges.length <= 256);
      }
      for (const at of moments) assert.ok(ranges.touches(BigInt(at), BigInt(at)));
      const isExact = added.length <= 200;
      for (const [from, length] of asked) {
        const really = [...Array(length + 1).keys()].some((more) => moments.has(from + more));
        const said = ranges.touches(BigInt(from), BigInt(from + length));
        assert.ok(said || !really);
        if (isExact) assert.equal(said, really);
      }
      for (const [index, { from, to }] of ranges.ranges.entries()) {
        assert.ok(from <= to);
        const following = ranges.ranges[index + 1];
        if (following !== undefined) assert.ok(to < following.from);
      }
    }),
    { numRuns: 300 },
  );
});

test("prepare hashes the id of every line, on both of its paths, given or made", () => {
  const id = (at: number): string => `0191d2c4-7f5e-4c1b-9a53-0d5f2f6f${at.toString(16).padStart(4, "0")}`;
  const given = [
    `{"A":1,"_id":"${id(1)}","_ts":1768478400000,"z":2}`,
    `{"A":"\\u00e9","_id":"${id(2).toUpperCase()}","_ts":1768478400000}`,
    `{"_ts":1768478400000,"_key":"k"}`,
    `{"_ts":1768478400000,"a":1}`,
    `{"a":1}`,
    `{"a":{"b":[1,2]},"_id":"${id(3)}","_ts":"2026-01-15T12:00:00Z"}`,
  ];
  const prepared = run(given.join("\n"), { hashesIds: true });
  const hashes = must(prepared.idHashes ?? undefined);
  assert.equal(hashes.length, given.length);
  assert.equal(new Set(hashes).size, given.length);
  // Whatever the spelling, the same id has the same hash: prepare its own lines' ids again.
  const ids = Buffer.from(prepared.lines)
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { _id: string })._id);
  const again = prepare(
    Buffer.from(ids.map((one) => `{"_id":"${one}","_ts":1768478400000}`).join("\n")),
    options({ nowMicros: now, hashesIds: true }),
  );
  assert.deepEqual(again.idHashes, hashes);
  assert.equal(run(given[0] ?? "").idHashes, null);
});
