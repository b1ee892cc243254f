/**
 * Random histories: batches with revisions, tombstones, repeats and conflicts, restarts, and crashes between log and
 * apply, through both kinds of store and through the model's join. All three must end at the same state, and every
 * answer must add up. A failing history is printed by fast-check with its seed.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Event,
  eventToJson,
  type FieldValue,
  isWellFormedText,
  joinInto,
  type State,
} from "@epsilon/model";
import fc from "fast-check";
import { StoreFixture, uuid } from "./fixture.ts";

interface Write {
  readonly second: number;
  readonly rev: number;
  readonly deleted: boolean;
  readonly fields: Readonly<Record<string, FieldValue>>;
}

type Step =
  | { readonly kind: "write" | "crash"; readonly batch: readonly Write[] }
  | { readonly kind: "restart" };

const fieldValue: fc.Arbitrary<FieldValue> = fc.oneof(
  fc.constantFrom<FieldValue>("a", "b", 1, 2.5, true, false),
  fc.string({ maxLength: 5 }).filter((text) => isWellFormedText(text) && !text.includes("\u0000")),
);

const write: fc.Arbitrary<Write> = fc.record({
  second: fc.integer({ min: 0, max: 5 }),
  rev: fc.constantFrom(0, 0, 0, 1, 2),
  deleted: fc.boolean().map((deleted) => deleted),
  fields: fc.dictionary(fc.constantFrom("f", "F", "g", "a.b"), fieldValue, { maxKeys: 3 }),
});

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant("write" as const),
        batch: fc.array(write, { minLength: 1, maxLength: 8 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("crash" as const),
        batch: fc.array(write, { minLength: 1, maxLength: 8 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
  ),
  { minLength: 1, maxLength: 8 },
);

const baseMs = Date.UTC(2026, 0, 1);

function lineOf({ second, rev, deleted, fields }: Write): Record<string, unknown> {
  const key = { _ts: baseMs + second * 1000, _id: uuid(second % 3) };
  return deleted && second % 2 === 0 ? { ...key, _deleted: true } : { ...key, _rev: rev, ...fields };
}

function eventOf({ second, rev, deleted, fields }: Write): Event {
  const key = { tsMicros: BigInt(baseMs + second * 1000) * 1000n, id: uuid(second % 3) };
  if (deleted && second % 2 === 0) return { ...key, rev: 0, deleted: true, fields: new Map() };
  return { ...key, rev, deleted: false, fields: new Map(Object.entries(fields)) };
}

/** What the join makes of the history: living events in key order, as they are answered. */
function expected(history: readonly Step[]): readonly string[] {
  const state: State = new Map();
  for (const step of history) {
    if (step.kind !== "restart") for (const one of step.batch) joinInto(state, eventOf(one));
  }
  return [...state.values()]
    .filter(({ deleted }) => !deleted)
    .sort((a, b) => (a.tsMicros < b.tsMicros ? -1 : a.tsMicros > b.tsMicros ? 1 : a.id < b.id ? -1 : 1))
    .map(eventToJson);
}

async function replay(fixture: StoreFixture, history: readonly Step[]): Promise<readonly string[]> {
  for (const step of history) {
    if (step.kind === "restart") await fixture.restart();
    else if (step.kind === "crash") await fixture.crashAfterLogging(step.batch.map(lineOf));
    else {
      const answer = await fixture.write(step.batch.map(lineOf));
      assert.equal(
        (answer.stored ?? 0) + (answer.duplicates ?? 0) + answer.rejected.length,
        step.batch.length,
      );
    }
  }
  if (!history.some(({ kind }) => kind !== "restart")) return [];
  return (await fixture.events()).map((event) => JSON.stringify(event));
}

for (const [kind, numRuns] of [
  ["memory", 150],
  ["embedded", 15],
] as const) {
  test(`${kind}: any history of writes, restarts and crashes ends where the join ends`, async () => {
    const property = fc.asyncProperty(steps, async (history) => {
      const fixture = await StoreFixture.open(kind);
      try {
        assert.deepEqual(await replay(fixture, history), expected(history));
      } finally {
        await fixture.end();
      }
    });
    await fc.assert(property, { numRuns });
  });
}
