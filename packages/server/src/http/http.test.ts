/** The pure parts of the HTTP layer, by properties. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EpsilonError } from "@epsilon/model";
import { Zstd } from "@hpcc-js/wasm-zstd";
import fc from "fast-check";
import { toJson } from "./answer.ts";
import { parseClaim } from "./claim.ts";
import { chooseEncoding } from "./encode.ts";
import { decodedBytesBound, loadZstd } from "./zstd.ts";

const codec = await loadZstd();
const zstd = await Zstd.load();

test("zstd: what was encoded decodes, within exactly its size and not a byte less", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 5000 }),
    fc.tuple(fc.nat(255), fc.nat(300_000)).map(([byte, length]) => new Uint8Array(length).fill(byte)),
  );
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 3 }), fc.integer({ min: 1, max: 19 }), (pieces, level) => {
      const encoded = Buffer.concat(pieces.map((piece) => zstd.compress(piece, level)));
      const expected = Buffer.concat(pieces);
      assert.deepEqual(Buffer.from(codec.decode(encoded, expected.length)), expected);
      const { certain, most } = decodedBytesBound(encoded);
      assert.ok(certain <= expected.length && expected.length <= most);
      if (expected.length > 0) {
        assert.throws(() => codec.decode(encoded, expected.length - 1), { code: "body_too_large" });
      }
    }),
    { numRuns: 100 },
  );
});

test("zstd: damaged bytes are refused or decode within the limit, and nothing else happens", () => {
  const whole = Buffer.from(zstd.compress(Buffer.from("hello world, ".repeat(2000)), 3));
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, byte, length) => {
      const damaged = Buffer.from(whole);
      damaged[at] = byte;
      try {
        assert.ok(codec.decode(damaged.subarray(0, length), 100_000).length <= 100_000);
      } catch (error) {
        assert.ok(error instanceof EpsilonError, String(error));
        assert.ok(error.code === "bad_encoding" || error.code === "body_too_large");
      }
    }),
    { numRuns: 500 },
  );
});

test("Accept-Encoding never throws, and never gives what is not accepted", () => {
  const item = fc.tuple(
    fc.constantFrom("gzip", "zstd", "br", "*", "identity", "x-gzip", ""),
    fc.constantFrom("", ";q=0", ";q=1", ";q=0.5", "; q=0.001", ";q=x"),
  );
  fc.assert(
    fc.property(fc.array(item), (items) => {
      const text = items.map(([name, quality]) => name + quality).join(", ");
      const chosen = chooseEncoding(text);
      if (chosen !== null)
        assert.ok(items.some(([name]) => name === chosen || name === "*" || name === `x-${chosen}`));
    }),
  );
  assert.equal(chooseEncoding(undefined), null);
  assert.equal(chooseEncoding("zstd;q=0.9, gzip;q=0.8"), "zstd");
  assert.equal(chooseEncoding("gzip, zstd"), "gzip");
});

test("claims: headers give a claim or an error of ours", () => {
  const text = fc.oneof(
    fc.constantFrom("*", "s:1:a", "s:2:b", "t:1:a", "0..1; lost", "null..2; x", ""),
    fc.string(),
  );
  const header = fc.option(text, { nil: undefined });
  fc.assert(
    fc.property(header, header, header, header, (source, after, cursor, gap) => {
      const entries = Object.entries({ source, after, cursor, gap }).filter(
        ([, value]) => value !== undefined,
      );
      const headers = Object.fromEntries(entries.map(([name, value]) => [`epsilon-${name}`, value]));
      try {
        const claim = parseClaim(headers);
        assert.equal(claim === undefined, entries.length === 0);
        if (claim !== undefined) assert.deepEqual([claim.source, claim.cursor], [source, cursor]);
      } catch (error) {
        assert.ok(error instanceof EpsilonError, String(error));
        assert.match(error.code, /^bad_(source|cursor|gap)$/);
      }
    }),
  );
});

test("integers that a double cannot hold leave as text", () => {
  assert.equal(toJson({ a: 2n ** 60n, b: [1n], c: null }), '{"a":"1152921504606846976","b":["1"],"c":null}');
});
