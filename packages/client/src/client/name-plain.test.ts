/** The short way to name an event gives what the careful way gives, or leaves it to that. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv } from "@epsilon/env/testing";
import { sha256 } from "@epsilon/model";
import * as fc from "fast-check";
import { type EventInput, nameCarefully, nameEvent } from "./name-events.ts";
import { namePlain } from "./name-plain.ts";

const value = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("", "\0", "\ud800", '"', "\u2028", "x".repeat(5000), "x".repeat(70_000)),
  fc.double(),
  fc.constantFrom(-0, 1e21, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 5e-324),
  fc.boolean(),
  fc.constantFrom(null, undefined, new Date(0), [1, "a"], { b: { c: 1 } }, 1n),
);
const name = fc.oneof(
  fc.string({ unit: "binary", maxLength: 10 }),
  fc.constantFrom(
    "a",
    "b",
    "Ab_1",
    "_x",
    "_ts",
    "_id",
    "_key",
    "_rev",
    "a.b",
    "toJSON",
    "__proto__",
    "é",
    "1",
  ),
  fc.constant("n".repeat(300)),
);
const time = fc.option(
  fc.oneof(
    fc.date(),
    fc.integer({ min: 0, max: 2e14 }),
    fc.constantFrom(1e11, 1e14, 1e11 - 1, 1e14 + 1, 1.5e12 + 0.5),
  ),
  { nil: undefined },
);
const event = fc
  .tuple(fc.dictionary(name, value, { maxKeys: 6 }), time)
  .map(([fields, ts]): EventInput => (ts === undefined ? fields : { ...fields, _ts: ts }));

/** What comes of an event: the event that an instance gets (but for its random id), or the refusal. */
function outcome(run: () => { readonly json: string }): unknown {
  try {
    const { _id, ...fields } = JSON.parse(run().json) as Record<string, unknown>;
    const { _ts, ...rest } = fields;
    return { ms: Date.parse(String(_ts)), rest, hasId: typeof _id === "string" };
  } catch (error) {
    return (error as { readonly code?: string }).code ?? String(error);
  }
}

test("both ways give the same event, or the same refusal", () => {
  const env = createSimEnv(1).boot();
  fc.assert(
    fc.property(event, (given) => {
      assert.deepEqual(
        outcome(() => nameEvent(env, given, sha256)),
        outcome(() => nameCarefully(env, given, sha256)),
      );
    }),
    { numRuns: 3000 },
  );
});

test("what programs mostly write goes the short way", () => {
  const plain = { _ts: new Date(), path: "/ä", status: 200, ms: 1.5, ok: true };
  assert.ok(
    namePlain(
      plain,
      () => 0n,
      () => "id",
    ) !== undefined,
  );
  assert.equal(
    namePlain(
      { _key: "x" },
      () => 0n,
      () => "id",
    ),
    undefined,
  );
});
