/**
 * Generators of events for the tests. Keys, revisions and values come from small pools beside the wide ones, so that
 * equal keys, equal revisions and equal contents meet often: that is where the join has to decide. Not exported.
 */

import fc from "fast-check";
import type { Event, FieldValue } from "./event.ts";
import { tombstoneOf } from "./join.ts";
import { tsMicrosMax, tsMicrosMin } from "./timestamp.ts";

const tsPool = [0n, -1n, 1_767_225_600_000_000n, 1_767_225_600_000_001n, tsMicrosMin, tsMicrosMax];
const idPool = [
  "00000000-0000-0000-0000-000000000000",
  "7fffffff-ffff-4fff-bfff-ffffffffffff",
  "80000000-0000-4000-8000-000000000000",
  "ffffffff-ffff-ffff-ffff-ffffffffffff",
];

export const anyTsMicros = fc.oneof(
  fc.constantFrom(...tsPool),
  fc.bigInt({ min: tsMicrosMin, max: tsMicrosMax }),
);

export const anyUuid = fc.oneof(fc.constantFrom(...idPool), fc.uuid());

/** Well-formed text with a lot of what sorts or escapes differently. */
export const anyText = fc.oneof(
  fc.constantFrom(
    "",
    "a",
    "A",
    "_",
    "~",
    "\u007f",
    "é",
    "\ud7ff",
    "\ue000",
    "\ufffd",
    "\uffff",
    "\u{10000}",
    "\u{10ffff}",
  ),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.string({
    unit: fc.constantFrom(
      "a",
      "b",
      "\ud7ff",
      "\ue000",
      "\ufffd",
      "\u{10000}",
      "\u{1f600}",
      '"',
      "\\",
      "\n",
      "\u0001",
    ),
    maxLength: 4,
  }),
);

export const anyNumber = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 1e21, 1e-7, 5e-324, Number.MAX_VALUE, 2 ** 53, 0.1),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

export const anyFieldValue: fc.Arbitrary<FieldValue> = fc.oneof(fc.boolean(), anyNumber, anyText);

export const anyFields: fc.Arbitrary<ReadonlyMap<string, FieldValue>> = fc
  .array(
    fc.tuple(
      anyText.filter((name) => name !== "" && !name.startsWith("_")),
      anyFieldValue,
    ),
    { maxLength: 5 },
  )
  .map((entries) => new Map(entries));

const anyContent: fc.Arbitrary<Event> = fc.record({
  tsMicros: anyTsMicros,
  id: anyUuid,
  rev: fc.oneof(fc.constantFrom(0, 0, 1, Number.MAX_SAFE_INTEGER), fc.nat()),
  deleted: fc.constant(false),
  fields: anyFields,
});

/** Any event. */
export const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  { weight: 5, arbitrary: anyContent },
  { weight: 1, arbitrary: anyContent.map(tombstoneOf) },
);

/** Events of one key, mostly few revisions and few contents. */
export const anyRival: fc.Arbitrary<Event> = fc
  .record({
    rev: fc.constantFrom(0, 1, 2),
    deleted: fc.constantFrom(false, false, false, true),
    value: fc.constantFrom<FieldValue>(0, 1, "a", true),
  })
  .map(({ rev, deleted, value }) => {
    const key = { tsMicros: 0n, id: idPool[0] ?? "" };
    return deleted ? tombstoneOf(key) : { ...key, rev, deleted, fields: new Map([["value", value]]) };
  });

/** Deliveries that hit the same few keys again and again. */
export const anyDeliveries: fc.Arbitrary<readonly Event[]> = fc.array(
  fc
    .tuple(anyRival, fc.constantFrom(...idPool), fc.constantFrom(0n, 1n))
    .map(([event, id, tsMicros]) => ({ ...event, id, tsMicros })),
  { maxLength: 24 },
);
