/** The join: the three laws, on events and on states, and what a write is said to have done. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { anyDeliveries, anyEvent, anyRival } from "./arbitraries.ts";
import { canonicalEvent } from "./canonical.ts";
import type { Event } from "./event.ts";
import {
  compareVersions,
  joinEvents,
  joinInto,
  joinStates,
  outcome,
  type State,
  tombstoneOf,
  type Version,
  versionRank,
} from "./join.ts";

const low = "0".repeat(32);
const high = "f".repeat(32);

function content(rev: number, hash: string): Version {
  return { deleted: false, rev, hash };
}

const tombstone: Version = { deleted: true, rev: 0, hash: low };

function deliver(events: readonly Event[]): State {
  const state: State = new Map();
  for (const event of events) joinInto(state, event);
  return state;
}

/** A state as text: two states are equal if and only if their texts are. */
function print(state: ReadonlyMap<string, Event>): string {
  return [...state.values()].map(canonicalEvent).sort().join("\n");
}

test("the generator reaches every pair that the join has to decide", () => {
  const seen = new Set<string>();
  for (const [a, b] of fc.sample(fc.tuple(anyRival, anyRival), { numRuns: 500, seed: 1 })) {
    const comparison = compareVersions(versionRank(a), versionRank(b));
    const by = a.deleted || b.deleted ? "deleted" : a.rev !== b.rev ? "rev" : "hash";
    seen.add(`${by} ${comparison}`);
  }
  const expected = ["deleted", "rev", "hash"].flatMap((by) => [-1, 0, 1].map((sign) => `${by} ${sign}`));
  assert.deepEqual([...seen].sort(), expected.filter((pair) => pair !== "rev 0").sort());
});

test("the join of events is commutative, associative and idempotent", () => {
  fc.assert(
    fc.property(anyRival, anyRival, anyRival, (a, b, c) => {
      assert.equal(canonicalEvent(joinEvents(a, b)), canonicalEvent(joinEvents(b, a)));
      assert.equal(
        canonicalEvent(joinEvents(joinEvents(a, b), c)),
        canonicalEvent(joinEvents(a, joinEvents(b, c))),
      );
      assert.equal(joinEvents(a, a), a);
      assert.ok([a, b].includes(joinEvents(a, b)));
    }),
    { numRuns: 500 },
  );
});

test("the join of states is commutative, associative and idempotent", () => {
  fc.assert(
    fc.property(anyDeliveries, anyDeliveries, anyDeliveries, (x, y, z) => {
      const [a, b, c] = [deliver(x), deliver(y), deliver(z)];
      assert.equal(print(joinStates(a, b)), print(joinStates(b, a)));
      assert.equal(print(joinStates(joinStates(a, b), c)), print(joinStates(a, joinStates(b, c))));
      assert.equal(print(joinStates(a, a)), print(a));
      assert.equal(print(joinStates(a, new Map())), print(a));
    }),
  );
});

test("joining states leaves both as they were", () => {
  const a = deliver([tombstoneOf({ tsMicros: 0n, id: "00000000-0000-0000-0000-000000000000" })]);
  const before = print(a);
  joinStates(new Map(), a);
  joinStates(a, deliver([tombstoneOf({ tsMicros: 1n, id: "00000000-0000-0000-0000-000000000000" })]));
  assert.equal(print(a), before);
});

test("any order of delivery, with any repetition and overlap, gives one state", () => {
  const shuffledWithRepeats = anyDeliveries.chain((events) =>
    fc.tuple(
      fc.constant(events),
      fc.shuffledSubarray([...events], { minLength: events.length }),
      fc.array(fc.nat(), { maxLength: 20 }),
      fc.nat(),
    ),
  );
  fc.assert(
    fc.property(shuffledWithRepeats, ([events, shuffled, repeats, cut]) => {
      const expected = print(deliver(events));
      const again = repeats.flatMap((index) => shuffled[index % Math.max(1, shuffled.length)] ?? []);
      assert.equal(print(deliver([...again, ...shuffled, ...again])), expected);
      const at = cut % (shuffled.length + 1);
      const parts = [deliver(shuffled.slice(0, at)), deliver([...shuffled.slice(at), ...again])] as const;
      assert.equal(print(joinStates(...parts)), expected);
    }),
  );
});

test("the outcome says exactly what delivery did", () => {
  fc.assert(
    fc.property(anyDeliveries, (events) => {
      const state: State = new Map();
      for (const event of events) {
        const before = print(state);
        const { kind, conflict, kept } = joinInto(state, event);
        assert.equal(kind === "stored", print(state) !== before);
        assert.equal(kept !== undefined, conflict);
        if (conflict) assert.equal(kept, kind === "stored" ? "given" : "existing");
        assert.equal(joinInto(state, event).kind, "duplicate");
      }
    }),
  );
});

test("versions rank by tombstone, then revision, then hash", () => {
  const ascending = [content(0, low), content(0, high), content(1, low), content(2, low), tombstone];
  for (const [indexA, a] of ascending.entries()) {
    for (const [indexB, b] of ascending.entries()) {
      assert.equal(compareVersions(a, b), Math.sign(indexA - indexB));
    }
  }
  assert.equal(compareVersions(tombstone, { deleted: true, rev: 9, hash: high }), 0);
});

test("each case of a write has its outcome", () => {
  const stored = { kind: "stored", conflict: false, kept: undefined };
  const duplicate = { kind: "duplicate", conflict: false, kept: undefined };
  assert.deepEqual(outcome(undefined, content(0, low)), stored);
  assert.deepEqual(outcome(undefined, tombstone), stored);
  assert.deepEqual(outcome(content(3, low), content(3, low)), duplicate);
  assert.deepEqual(outcome(content(3, high), content(4, low)), stored);
  assert.deepEqual(outcome(content(4, low), content(3, high)), duplicate);
  assert.deepEqual(outcome(content(4, low), tombstone), stored);
  assert.deepEqual(outcome(tombstone, content(9, high)), duplicate);
  assert.deepEqual(outcome(tombstone, content(0, high)), duplicate);
  assert.deepEqual(outcome(tombstone, { ...tombstone, rev: 5, hash: high }), duplicate);
  assert.deepEqual(outcome(content(3, low), content(3, high)), {
    kind: "stored",
    conflict: true,
    kept: "given",
  });
  assert.deepEqual(outcome(content(3, high), content(3, low)), {
    kind: "duplicate",
    conflict: true,
    kept: "existing",
  });
});

test("events of different keys cannot be joined", () => {
  fc.assert(
    fc.property(anyEvent, anyEvent, (a, b) => {
      if (a.tsMicros === b.tsMicros && a.id === b.id) return;
      assert.throws(() => joinEvents(a, b), { name: "AssertionError" });
    }),
  );
});
