/** Digests: they add up over any partition, do not depend on order, and tell sets apart where plain sums would not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addDigests,
  type Digest,
  digestOf,
  emptyDigest,
  equalDigests,
  formatDigest,
  parseDigest,
  subtractDigests,
} from "./digest.ts";

const max64 = 2n ** 64n - 1n;
const anyHash = fc.oneof(
  fc.constantFrom(0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n, max64),
  fc.bigInt({ min: 0n, max: max64 }),
);
const anyHashes = fc.array(anyHash, { maxLength: 30 });

function digestOfAll(hashes: readonly bigint[]): Digest {
  return hashes.reduce((sum, hash) => addDigests(sum, digestOf(hash)), emptyDigest);
}

test("the parts of any partition, in any order, add up to the whole", () => {
  const partition = anyHashes.chain((hashes) =>
    fc.tuple(
      fc.constant(hashes),
      fc.shuffledSubarray(hashes, { minLength: hashes.length }),
      fc.array(fc.nat({ max: 4 }), { minLength: hashes.length, maxLength: hashes.length }),
    ),
  );
  fc.assert(
    fc.property(partition, ([hashes, shuffled, parts]) => {
      const sums = [0, 1, 2, 3, 4].map((part) =>
        digestOfAll(shuffled.filter((_, index) => parts[index] === part)),
      );
      assert.deepEqual(sums.reduce(addDigests, emptyDigest), digestOfAll(hashes));
    }),
  );
});

test("what was added and is taken out again leaves nothing behind", () => {
  fc.assert(
    fc.property(anyHashes, anyHashes, (a, b) => {
      const [x, y] = [digestOfAll(a), digestOfAll(b)];
      assert.deepEqual(subtractDigests(addDigests(x, y), y), x);
      assert.deepEqual(addDigests(subtractDigests(x, y), y), x);
      assert.deepEqual(subtractDigests(x, x), emptyDigest);
    }),
  );
});

test("lanes are what the formulas say, modulo 2^64", () => {
  fc.assert(
    fc.property(anyHashes, (hashes) => {
      const lanes = [0n, 0n, 0n, 0n];
      for (const hash of hashes) {
        const [hi, lo] = [hash >> 32n, hash & 0xffffffffn];
        for (const [lane, term] of [hash, lo * hi, lo * lo, hi * hi].entries()) {
          lanes[lane] = ((lanes[lane] ?? 0n) + term) & max64;
        }
      }
      assert.deepEqual(digestOfAll(hashes), { count: hashes.length, lanes });
    }),
  );
});

test("two sets of equal count and equal sum of hashes differ in the other lanes", () => {
  const a = digestOfAll([1n, 4n]);
  const b = digestOfAll([2n, 3n]);
  assert.equal(a.lanes[0], b.lanes[0]);
  assert.equal(equalDigests(a, b), false);
});

test("an event twice is not the same as none, unlike with XOR", () => {
  assert.equal(equalDigests(digestOfAll([max64, max64]), { ...emptyDigest, count: 2 }), false);
});

test("digests with equal lanes and another count differ", () => {
  assert.equal(equalDigests(digestOfAll([0n]), emptyDigest), false);
  assert.equal(equalDigests(digestOfAll([0n]), digestOfAll([0n])), true);
});

test("a digest's text parses to itself", () => {
  fc.assert(
    fc.property(anyHashes, (hashes) => {
      const digest = digestOfAll(hashes);
      assert.match(formatDigest(digest), /^[0-9a-f]{64}$/);
      assert.deepEqual(parseDigest(formatDigest(digest), digest.count), digest);
    }),
  );
});

test("what is no digest is refused", () => {
  for (const text of ["", "0".repeat(63), "0".repeat(65), "A".repeat(64), `${"0".repeat(63)}g`]) {
    assert.throws(() => parseDigest(text, 0), { code: "bad_request" });
  }
  for (const count of [-1, 0.5, Number.NaN, 2 ** 53]) {
    assert.throws(() => parseDigest("0".repeat(64), count), { code: "bad_request" });
  }
  for (const hash of [-1n, max64 + 1n]) assert.throws(() => digestOf(hash), { name: "AssertionError" });
});
