/** UUIDs: text and bytes, and the published vectors of the versions we make. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { anyUuid } from "./arbitraries.ts";
import { formatUuid, keyNamespace, parseUuid, randomUuid, uuidBytes, uuidV5, uuidV8 } from "./uuid.ts";

test("a UUID in any case comes out in lower case", () => {
  assert.equal(parseUuid("0191D2C4-7f5e-4C1B-9a53-0D5F2F6F0A11"), "0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11");
});

test("what is no UUID in 8-4-4-4-12 form is none", () => {
  const refused = [
    "",
    "0191d2c47f5e4c1b9a530d5f2f6f0a11",
    "{0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11}",
    "0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a1",
    "0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a111",
    "0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a1g",
    "0191d2c4-7f5e-4c1b-9a530-d5f2f6f0a11",
    " 0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11",
    "0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11\n",
    "urn:uuid:0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11",
  ];
  for (const text of refused) assert.equal(parseUuid(text), undefined, JSON.stringify(text));
});

test("bytes and text turn into each other", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), anyUuid, (bytes, uuid) => {
      assert.deepEqual(uuidBytes(formatUuid(bytes)), bytes);
      assert.equal(formatUuid(uuidBytes(uuid.toUpperCase())), uuid);
      assert.equal(parseUuid(formatUuid(bytes)), formatUuid(bytes));
    }),
  );
});

test("version and variant stand in their places, whatever the bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const before = bytes.slice();
      assert.match(randomUuid(bytes), /^.{14}4.{4}[89ab]/);
      assert.match(uuidV8(bytes), /^.{14}8.{4}[89ab]/);
      assert.deepEqual(bytes, before, "the caller's bytes stay as they are");
    }),
  );
});

test("version 5 gives RFC 9562's vector", () => {
  assert.equal(
    uuidV5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com"),
    "2ed6657d-e927-568b-95e1-2665a8aea6a2",
  );
});

test("version 8 gives RFC 9562's vector of a name hashed by SHA-256", () => {
  // Appendix B.2: SHA-256 over the DNS namespace and "www.example.com".
  const hash = "5c146b143c524afd938a375d0df1fbf6fe12a66b645f72f6158759387e51f3c8";
  assert.equal(
    uuidV8(Uint8Array.from(hash.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))),
    "5c146b14-3c52-8afd-938a-375d0df1fbf6",
  );
});

test("the namespace of keys is what it always was", () => {
  assert.equal(keyNamespace, "5d4e1b0c-7c3e-4a55-9f0b-6e70a1f2c8d3");
});

test("a wrong number of bytes is a bug of the caller's", () => {
  for (const length of [0, 15, 17]) {
    assert.throws(() => formatUuid(new Uint8Array(length)), { name: "AssertionError" });
    assert.throws(() => randomUuid(new Uint8Array(length)), { name: "AssertionError" });
  }
  assert.throws(() => uuidV8(new Uint8Array(15)), { name: "AssertionError" });
  assert.throws(() => uuidBytes("nonsense"), { name: "AssertionError" });
});
