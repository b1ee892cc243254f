/**
 * Generators of events that queries can tell apart, or not: few values, so that groups meet; fields with several types,
 * fields that are missing; times around changes of the clock and before 1970, and equal times.
 */

import { type Event, type FieldValue, keyText } from "@epsilon/model";
import fc from "fast-check";

/** The fields of the generated events, and what they hold. */
export const fieldPools: Readonly<Record<string, readonly FieldValue[]>> = {
  host: ["web-1", "web-2", "wéb", "\u{1f600}", "\ue000x", "", 'it\'s "here"', "a\nb"],
  bytes: [0, 1, 2, 3.5, -4, 100, 1024, 0.25, 99.75],
  mixed: [1, "1", true, false, "true", 2, "\u{10000}", "\uffff", 0, "0"],
  ok: [true, false],
  "od\"d na'me.x": ["x", "y", 7],
};

/** A field that no generated event has. */
export const unknownField = "nobody";

/** The names to ask for: those there are, one that is not, and the events' own. */
export const fieldNames: readonly string[] = [...Object.keys(fieldPools), unknownField];

const second = 1_000_000n;
const hour = 3600n * second;

/** Instants of interest: 1970, changes of the clock in Berlin, New York and Lord Howe, ends of months and years. */
export const momentPool: readonly bigint[] = [
  0n,
  -1n,
  -hour,
  -86_400n * second - 1n,
  Date.UTC(2026, 2, 29, 1),
  Date.UTC(2026, 9, 25, 0, 30),
  Date.UTC(2026, 9, 25, 1, 30),
  Date.UTC(2026, 2, 8, 7),
  Date.UTC(2026, 10, 1, 5, 30),
  Date.UTC(2026, 3, 4, 15),
  Date.UTC(2026, 0, 31, 23, 59, 59),
  Date.UTC(2026, 1, 1),
  Date.UTC(2025, 11, 31, 23, 30),
  Date.UTC(2024, 1, 29, 12),
].map((moment) => (typeof moment === "bigint" ? moment : BigInt(moment) * 1000n));

/** A time: one of interest, or near it. */
export const arbitraryMoment: fc.Arbitrary<bigint> = fc
  .tuple(
    fc.constantFrom(...momentPool),
    fc.oneof(
      fc.constantFrom(0n, 0n, -1n, 1n),
      fc.bigInt({ min: -26n * hour, max: 26n * hour }),
      fc.integer({ min: -40, max: 40 }).map((days) => BigInt(days) * 24n * hour),
    ),
  )
  .map(([moment, offset]) => moment + offset);

const arbitraryFields: fc.Arbitrary<ReadonlyMap<string, FieldValue>> = fc
  .tuple(
    ...Object.entries(fieldPools).map(([name, values]) =>
      fc.option(fc.constantFrom(...values), { freq: 4 }).map((value) => [name, value] as const),
    ),
  )
  .map((entries) => new Map(entries.filter((entry): entry is [string, FieldValue] => entry[1] !== null)));

/** A living event. */
export const arbitraryQueryEvent: fc.Arbitrary<Event> = fc.record({
  tsMicros: arbitraryMoment,
  id: fc.uuid(),
  rev: fc.constantFrom(0, 0, 0, 1, 5),
  deleted: fc.constant(false),
  fields: arbitraryFields,
});

/** Living events, no two with one key, in any order. */
export const arbitraryEvents: fc.Arbitrary<readonly Event[]> = fc
  .array(arbitraryQueryEvent, { maxLength: 60, size: "max" })
  .map((events) => [...new Map(events.map((event) => [keyText(event), event])).values()]);
