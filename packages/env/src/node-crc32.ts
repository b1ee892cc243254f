/** CRC-32 (the one of zip and gzip), by zlib's native code. */

import * as zlib from "node:zlib";

/** The CRC-32 of `bytes`, going on from `seed`, the CRC-32 of what stands before. An unsigned 32 bit number. */
export function crc32(bytes: Uint8Array | string, seed = 0): number {
  return zlib.crc32(bytes, seed);
}
