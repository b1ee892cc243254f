/** Events and keys on the wire: what goes out is JSON that says the same, and keys come back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { anyEvent } from "./arbitraries.ts";
import type { Event, FieldValue } from "./event.ts";
import { tombstoneOf } from "./join.ts";
import { parseTimestamp } from "./timestamp.ts";
import { versionOf } from "./version.ts";
import { eventToJson, keyToJson, parseKey } from "./wire.ts";

const key = { tsMicros: 1_769_860_800_123_456n, id: "0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11" };

test("an event goes out with its time, id and revision first, then its fields in order", () => {
  const fields = new Map<string, FieldValue>([
    ["b", 'x"'],
    ["a", -0],
    ["Z", true],
  ]);
  assert.equal(
    eventToJson({ ...key, rev: 2, deleted: false, fields }),
    '{"_ts":"2026-01-31T12:00:00.123456Z","_id":"0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11","_rev":2,"Z":true,"a":0,"b":"x\\""}',
  );
  assert.equal(
    eventToJson(tombstoneOf(key)),
    '{"_ts":"2026-01-31T12:00:00.123456Z","_id":"0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11","_deleted":true}',
  );
});

test("an event read back from the wire has the same version", () => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      const json: Record<string, FieldValue> = JSON.parse(eventToJson(event));
      const { _ts, _id, _rev = 0, _deleted = false } = json;
      const fields = new Map(Object.entries(json).filter(([name]) => !name.startsWith("_")));
      const back: Event = {
        tsMicros: parseTimestamp(String(_ts)),
        id: String(_id),
        rev: Number(_rev),
        deleted: _deleted === true,
        fields,
      };
      assert.equal(versionOf(back), versionOf(event));
    }),
  );
});

test("a key's text parses to itself", () => {
  fc.assert(
    fc.property(anyEvent, ({ tsMicros, id }) => {
      assert.deepEqual(parseKey(JSON.parse(keyToJson({ tsMicros, id }))), { tsMicros, id });
    }),
  );
});

test("a key is taken with a number for a time and an id in upper case", () => {
  assert.deepEqual(parseKey({ _ts: 1_769_860_800_123.456, _id: key.id.toUpperCase() }), key);
});

test("what is no key is refused with the code of what is wrong", () => {
  const cases: readonly (readonly [unknown, string])[] = [
    [null, "bad_request"],
    ["x", "bad_request"],
    [[], "bad_request"],
    [{ _ts: 1e12, _id: key.id, a: 1 }, "bad_request"],
    [{}, "missing_timestamp"],
    [{ _id: key.id }, "missing_timestamp"],
    [{ _ts: null, _id: key.id }, "bad_timestamp"],
    [{ _ts: true, _id: key.id }, "bad_timestamp"],
    [{ _ts: 1, _id: key.id }, "bad_timestamp"],
    [{ _ts: 1e12 }, "bad_id"],
    [{ _ts: 1e12, _id: 7 }, "bad_id"],
    [{ _ts: 1e12, _id: "x" }, "bad_id"],
  ];
  for (const [value, code] of cases) assert.throws(() => parseKey(value), { code }, JSON.stringify(value));
});
