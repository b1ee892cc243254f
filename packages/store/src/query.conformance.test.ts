/**
 * A query means the same in both stores as plainly. Goal: events that came through `write`, in several batches, with
 * versions that lost and events that were deleted, are asked about as if only what lives had ever been. Method:
 * generated events and queries, answered by the embedded store, the memory store and `evaluateQuery`; the generators
 * must have touched every part of the query language.
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Event, eventToJson, limits } from "@epsilon/model";
import { type Answer, type AnswerRow, evaluateQuery } from "@epsilon/query";
import { arbitraryEvents, arbitraryQuery, arbitraryQueryEvent, QueryCoverage } from "@epsilon/query/testing";
import fc from "fast-check";
import { fixedNowMicros, StoreFixture, storeKinds, uuid } from "./fixture.ts";

const runs = 40;
const queriesPerRun = 8;

let fixtures: readonly StoreFixture[] = [];

before(async () => {
  fixtures = await Promise.all(storeKinds.map((kind) => StoreFixture.open(kind)));
});

after(async () => {
  for (const fixture of fixtures) await fixture.end();
});

/** Sums of the same numbers in another order differ in their last bits. */
const relativeTolerance = 1e-9;

function isSame(one: unknown, other: unknown): boolean {
  if (typeof one !== "number" || typeof other !== "number") return one === other;
  return Math.abs(one - other) <= relativeTolerance * Math.max(Math.abs(one), Math.abs(other));
}

/** The same rows in the same order, with the same columns in the same order. */
function assertSameRows(
  actual: readonly AnswerRow[] | undefined,
  expected: readonly AnswerRow[] | undefined,
): void {
  const [given, wanted] = [actual, expected].map((rows) => rows?.map((row) => Object.entries(row)));
  const same =
    given?.length === wanted?.length &&
    (given ?? []).every((row, index) => {
      const other = wanted?.[index];
      return (
        row.length === other?.length &&
        row.every(([name, value], at) => name === other[at]?.[0] && isSame(value, other[at]?.[1]))
      );
    });
  if (!same) assert.deepEqual(given, wanted);
}

/** Notes about fields speak of every event that was ever written, so they are left out where some do not live. */
function assertSameAnswer(actual: Answer, expected: Answer, withFieldNotes: boolean): void {
  assertSameRows(actual.summary, expected.summary);
  assertSameRows(actual.series, expected.series);
  assertSameRows(actual.events, expected.events);
  const [given, wanted] = [actual, expected].map(({ notes }) =>
    notes.filter(({ code }) => withFieldNotes || !["unknown_field", "mixed_types"].includes(code)),
  );
  assert.deepEqual(given, wanted);
}

interface History {
  /** What lives in the end. */
  readonly living: readonly Event[];
  /** What is written: all of that, and what does not outlive it, in any order. */
  readonly batches: readonly (readonly Event[])[];
}

/** Keys of their own, so that no two meet by chance. */
const arbitraryDoomed = fc
  .oneof(fc.constant([]), fc.array(arbitraryQueryEvent, { maxLength: 4 }))
  .map((events) => events.map((event, index): Event => ({ ...event, id: uuid(index), rev: 0 })));

const arbitraryHistory: fc.Arbitrary<History> = fc
  .record({ living: arbitraryEvents, doomed: arbitraryDoomed, other: arbitraryQueryEvent })
  .chain(({ living, doomed, other }) => {
    const losing =
      doomed.length === 0
        ? []
        : living.filter(({ rev }) => rev > 0).map((event) => ({ ...event, rev: 0, fields: other.fields }));
    const tombs = doomed.map((event) => ({ ...event, deleted: true, fields: new Map() }));
    const all = [...living, ...losing, ...doomed, ...tombs];
    return fc
      .tuple(fc.shuffledSubarray(all, { minLength: all.length }), fc.nat(all.length))
      .map(([shuffled, cut]) => ({ living, batches: [shuffled.slice(0, cut), shuffled.slice(cut)] }));
  });

test("both stores answer as plain evaluation of what lives, over every part of the language", async () => {
  const coverage = new QueryCoverage();
  let collections = 0;
  const queries = fc.array(arbitraryQuery, { minLength: queriesPerRun, maxLength: queriesPerRun });
  await fc.assert(
    fc.asyncProperty(arbitraryHistory, queries, async ({ living, batches }, generated) => {
      collections += 1;
      const collection = `run-${collections}`;
      for (const fixture of fixtures) {
        // So that the collection is there even if nothing else is written; it does not live.
        await fixture.write([{ _ts: 1e12, _id: uuid(99), _deleted: true }], { collection });
        for (const batch of batches) {
          const text = batch.map((event) => `${eventToJson(event)}\n`).join("");
          if (text !== "") await fixture.write(text, { collection });
        }
      }
      for (const query of generated) {
        coverage.add(query);
        const options = { nowMicros: fixedNowMicros, groupsMax: limits.groupsMax };
        const expected = evaluateQuery(query, living, options);
        for (const fixture of fixtures) {
          const answer = await fixture.store.query(collection, query, {});
          assertSameAnswer(answer, expected, batches.flat().length === living.length);
        }
      }
    }),
    { numRuns: runs, seed: 20_261_123 },
  );
  assert.deepEqual(coverage.report(), { share: 1, missing: [] });
});
