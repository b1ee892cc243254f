/** Members of an object's text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { changeMember, joinMembers, membersOf } from "./json-members.ts";

test("the members of any object join to the same object", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.constantFrom(undefined, 1, "\t"),
      (object, space) => {
        const json = JSON.stringify(object, null, space);
        const members = membersOf(json);
        const value: unknown = JSON.parse(json);
        assert.deepEqual(
          members.map(({ name, value: text }) => [name, JSON.parse(text)]),
          Object.entries(value as object),
        );
        assert.deepEqual(JSON.parse(joinMembers(members)), value);
      },
    ),
  );
});

test("a member is taken out or changed; all else stays as it was written", () => {
  const json = '{"a":1.0,"b":{"c":9007199254740993,"d":"x"},"a":2,"e.f":true}';
  assert.equal(
    changeMember(json, "e.f", () => null),
    '{"a":1.0,"b":{"c":9007199254740993,"d":"x"},"a":2}',
  );
  assert.equal(
    changeMember(json, "b.d", () => null),
    '{"a":1.0,"b":{"c":9007199254740993},"a":2,"e.f":true}',
  );
  assert.equal(
    changeMember(json, "b.c", (value) => JSON.stringify(value)),
    '{"a":1.0,"b":{"c":"9007199254740993","d":"x"},"a":2,"e.f":true}',
  );
  assert.equal(
    changeMember(json, "a", () => null),
    '{"b":{"c":9007199254740993,"d":"x"},"e.f":true}',
  );
});
