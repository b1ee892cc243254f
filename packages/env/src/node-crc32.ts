/** CRC-32 (the one of zip and gzip), by zlib's native code. */

import * as zlib from "node:zlib";

/** The CRC-32 of `bytes`, going on from `seed`, the CRC-32 of what stands before. An unsigned 32 bit number. */
export function crc32(bytes: Uint8Array | string, seed = 0): number {
  // zlib answers 0, whatever the seed, where an empty view has no memory behind it.
  return bytes.length === 0 ? seed : zlib.crc32(bytes, seed);
}
