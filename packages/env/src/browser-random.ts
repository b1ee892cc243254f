/** Cryptographic randomness of a browser; it is there on pages over plain http, too. */

import type { Random } from "./env.ts";

/** `getRandomValues` gives no more at once. */
const bytesMax = 65_536;

/** Randomness that nobody can guess. */
export function createBrowserRandom(): Random {
  const bytes = (count: number): Uint8Array => {
    const all = new Uint8Array(count);
    for (let at = 0; at < count; at += bytesMax) crypto.getRandomValues(all.subarray(at, at + bytesMax));
    return all;
  };
  return {
    bytes,
    // 48 bits: exact in a double, below 1.
    unit: () => bytes(6).reduce((sum, byte) => sum * 256 + byte, 0) / 2 ** 48,
  };
}
