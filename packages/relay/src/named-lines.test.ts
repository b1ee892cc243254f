/** What a relay spools is what was sent, named once: an instance makes the same of it as of the request itself. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv } from "@epsilon/env/testing";
import { eventOf, eventToJson, JsonObject, parseStrictJson, sha256 } from "@epsilon/model";
import * as fc from "fast-check";
import { chunksOfLoadLines, nameBody } from "./named-lines.ts";

async function named(body: string): Promise<readonly string[]> {
  const { lines } = await nameBody(createSimEnv(1).boot(), Buffer.from(body), { appendOnly: false });
  return chunksOfLoadLines(lines).flatMap((chunk) => {
    const texts = Buffer.from(chunk.lines).toString("utf8").split("\n");
    assert.equal(texts.pop(), "");
    assert.equal(texts.length, chunk.events);
    return texts;
  });
}

/** An event as the model reads it from JSON. */
function read(json: string): string {
  const node = parseStrictJson(json);
  assert.ok(node instanceof JsonObject);
  const fail = (): never => assert.fail("it is named");
  return eventToJson(
    eventOf(node, { nowMicros: 0n, random: fail, named: true, appendOnly: false, ordinal: fail, sha256 }),
  );
}

const text = fc.string({ unit: "grapheme", maxLength: 20 }).filter((one) => !one.includes("\0"));
const value = fc.oneof(
  text,
  fc.constantFrom('"_ts":5', ',"_h":1', '{"_ts":1,"_h":2}', "\\", '\\"_ts\\":'),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
);
const name = fc.oneof(
  text.filter((one) => one !== "" && !one.startsWith("_") && Buffer.byteLength(one) < 200),
  fc.constantFrom("A", "z", "é"),
);

test("what comes out is named, and the same event", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.dictionary(name, value, { maxKeys: 5 }), { minLength: 1, maxLength: 10 }),
      fc.integer({ min: 0, max: 4_102_444_800_000 }),
      async (fields, ms) => {
        const at = Math.max(ms, 100_000_000_000);
        const id = (index: number): string => `0191d2c4-7f5e-4c1b-9a53-${String(index).padStart(12, "0")}`;
        const events = fields.map((own, index) => JSON.stringify({ ...own, _ts: at, _id: id(index) }));
        const lines = await named(events.join("\n"));
        assert.deepEqual(lines.map(read), events.map(read));
      },
    ),
  );
});

test("tombstones and revisions stay what they are", async () => {
  const id = "0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11";
  const lines = await named(
    `{"_ts":"2026-01-31T12:00:00Z","_id":"${id}","_rev":3,"a":1}{"_ts":"2026-01-31T12:00:00Z","_id":"${id}","_deleted":true}`,
  );
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [
      { _ts: "2026-01-31T12:00:00.000000Z", _id: id, _rev: 3, a: 1 },
      { _ts: "2026-01-31T12:00:00.000000Z", _id: id, _deleted: true },
    ],
  );
});

test("the same request gives the same names, events without a time get new ones", async () => {
  const body = '[{"_ts":"2026-01-31T12:00:00Z","a":1},{"_ts":"2026-01-31T12:00:00Z","a":1}]';
  const first = await named(body);
  assert.deepEqual(await named(body), first);
  assert.notEqual(first[0], first[1], "two equal events are two");
  const [one, other] = await named('{"a":1}{"a":1}');
  assert.match(one ?? "", /"_id":"[0-9a-f-]{36}"/);
  assert.notEqual(one, other);
});

test("a large body is cut into chunks, and nothing is lost", async () => {
  const lines = await named('{"_ts":"2026-01-31T12:00:00Z","a":1}\n'.repeat(2500));
  assert.equal(new Set(lines).size, 2500);
});
