/**
 * A number for a UUID, to remember many of them in little room. Equal ids have equal numbers; two different ones
 * hardly ever do (53 bits), and whoever uses them takes that for "perhaps the same".
 */

const first = 0x2545f491;
const second = 0x4f6cdd1d;
/** Odd constants with well mixed bits, as MurmurHash3's finalizer has them. */
const mixHigh = 0x85ebca6b | 0;
const mixLow = 0xc2b2ae35 | 0;
const idBytes = 36;

/** From the id's 36 characters in lower case at `at`. An integer from 1 to 2^53-1. */
export function keyHash(words: DataView, at: number): number {
  let high = first;
  let low = second;
  for (let index = 0; index < idBytes; index += 4) {
    const word = words.getInt32(at + index, true);
    high = Math.imul(high ^ word, mixHigh);
    high ^= high >>> 15;
    low = Math.imul(low ^ word, mixLow);
    low ^= low >>> 13;
  }
  return (high >>> 0) * 0x200000 + (low >>> 11) || 1;
}

const scratch = Buffer.alloc(idBytes);
const scratchWords = new DataView(scratch.buffer, scratch.byteOffset, idBytes);

/** The same from a text. */
export function keyHashOfText(id: string): number {
  scratch.write(id, "latin1");
  return keyHash(scratchWords, 0);
}
