/** Cryptographic randomness. */

import { randomBytes } from "node:crypto";
import type { Random } from "./env.ts";

/** Randomness that nobody can guess. */
export function createNodeRandom(): Random {
  return {
    bytes: (count) => new Uint8Array(randomBytes(count)),
    // 48 bits: exact in a double, below 1.
    unit: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  };
}
