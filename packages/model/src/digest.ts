/**
 * The digest of a set of events: equal sets have equal digests, however they are stored and however they got there.
 *
 * Sums modulo 2^64, because a sum does not depend on order, adds up over any partition, and lets an event be taken out
 * again. Not XOR: there two equal hashes cancel out, and linear combinations cancel too easily.
 *
 * Each event counts by one number only, h = the first 64 bits of its version, so that a row stores one column and the
 * database can add all of it up natively. With lo and hi its halves of 32 bits, the lanes are the sums of
 *
 *     0: h      1: lo * hi      2: lo * lo      3: hi * hi
 *
 * The first alone would let any two pairs of equal sum pass for each other; the second-degree lanes tell them apart.
 * Every product of two halves is below 2^64, so nothing overflows before the sum. A digest finds differences that
 * happen; it is no defence against someone who picks events to collide.
 */

import { assert, EpsilonError } from "./errors.ts";

export type DigestLanes = readonly [bigint, bigint, bigint, bigint];

/** How many events, and their four sums modulo 2^64. The difference of two may have a negative count. */
export interface Digest {
  readonly count: number;
  readonly lanes: DigestLanes;
}

/** The digest of no events. */
export const emptyDigest: Digest = { count: 0, lanes: [0n, 0n, 0n, 0n] };

const two32 = 4_294_967_296n;
const two64 = two32 * two32;
const digestPattern = /^[0-9a-f]{64}$/;

/** The digest of one event, by the first 64 bits of its version (`versionHash64`). */
export function digestOf(hash64: bigint): Digest {
  assert(hash64 >= 0n && hash64 < two64, "a hash is an unsigned number of 64 bits");
  const hi = hash64 / two32;
  const lo = hash64 % two32;
  return { count: 1, lanes: [hash64, lo * hi, lo * lo, hi * hi] };
}

/** The digest of two sets together that have no event in common. */
export function addDigests(a: Digest, b: Digest): Digest {
  return combine(a, b, 1);
}

/** The digest of a set without a part of it. */
export function subtractDigests(a: Digest, b: Digest): Digest {
  return combine(a, b, -1);
}

/** Whether two digests are of equal sets, as far as anyone can tell. */
export function equalDigests(a: Digest, b: Digest): boolean {
  return a.count === b.count && formatDigest(a) === formatDigest(b);
}

/** The lanes as 64 hex digits, lane 0 first. The count travels beside it. */
export function formatDigest(digest: Digest): string {
  return digest.lanes.map((lane) => lane.toString(16).padStart(16, "0")).join("");
}

/** A digest from its 64 hex digits and its count. Throws `bad_request`. */
export function parseDigest(text: string, count: number): Digest {
  if (!digestPattern.test(text)) {
    throw new EpsilonError(
      "bad_request",
      `a digest is 64 lower-case hex digits, not ${JSON.stringify(text)}`,
    );
  }
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new EpsilonError("bad_request", `a digest's count is an integer from 0, not ${count}`);
  }
  const lane = (index: number): bigint => BigInt(`0x${text.slice(index * 16, index * 16 + 16)}`);
  return { count, lanes: [lane(0), lane(1), lane(2), lane(3)] };
}

function combine(a: Digest, b: Digest, sign: 1 | -1): Digest {
  const [a0, a1, a2, a3] = a.lanes;
  const [b0, b1, b2, b3] = b.lanes;
  const factor = BigInt(sign);
  return {
    count: a.count + sign * b.count,
    lanes: [
      BigInt.asUintN(64, a0 + factor * b0),
      BigInt.asUintN(64, a1 + factor * b1),
      BigInt.asUintN(64, a2 + factor * b2),
      BigInt.asUintN(64, a3 + factor * b3),
    ],
  };
}
