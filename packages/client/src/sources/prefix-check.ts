/**
 * The check in a file's cursors: a hash of all bytes before a position, chained over blocks, so that it can be had at
 * any position on the way through the file. Two files that agree at a position hold the same up to there.
 *
 * `h(0)` is the hash of a seed, `h(n + 1)` that of `h(n)` and the next block; the check is the hash of the last `h`
 * and what lies between the last whole block and the position: its first 16 bytes in base64url.
 */

import { assert, bytesToBase64Url, type Sha256 } from "@epsilon/model";

const blockBytes = 64 * 1024;

export class PrefixCheck {
  readonly #hash: Sha256;
  #state: Uint8Array;
  /** Where the bytes that are no part of the state yet begin. */
  #offset = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(hash: Sha256, seed: Uint8Array) {
    this.#hash = hash;
    this.#state = hash(seed);
  }

  /** The next bytes of the file. */
  add(bytes: Uint8Array): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : joined(this.#bytes, bytes);
  }

  /** The check of all before a position, which was added and is not before one asked for earlier. */
  at(position: number): string {
    while (this.#offset + blockBytes <= position) {
      this.#state = this.#hash(joined(this.#state, this.#bytes.subarray(0, blockBytes)));
      this.#bytes = this.#bytes.subarray(blockBytes);
      this.#offset += blockBytes;
    }
    const count = position - this.#offset;
    assert(count >= 0 && count <= this.#bytes.length, "a check is asked for on the way through the file");
    return bytesToBase64Url(this.#hash(joined(this.#state, this.#bytes.subarray(0, count))).subarray(0, 16));
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
