/**
 * How an event gets its id where its writer gave none: from `_key`, or from its content. Both are functions of what
 * was written and nothing else, so that the same request names the same events on every instance.
 */

import { canonicalContent, type EventContent, isWellFormedText } from "./canonical.ts";
import { assert, EpsilonError } from "./errors.ts";
import { type Sha256, sha256, utf8Bytes } from "./hash.ts";
import { keyNamespace, uuidV5, uuidV8 } from "./uuid.ts";

/** The id that a `_key` stands for: its UUIDv5 in our namespace. Throws `bad_key` for a lone surrogate. */
export function keyToId(key: string): string {
  if (!isWellFormedText(key)) {
    throw new EpsilonError("bad_key", `a lone surrogate in _key: ${JSON.stringify(key).slice(0, 100)}`);
  }
  return uuidV5(keyNamespace, key);
}

/**
 * The id of an event that came with `_ts` alone: UUIDv8 of SHA-256 over its canonical content, a newline and the
 * ordinal: 0 for the first of its equals in a request, 1 for the second, …
 */
export function contentId(content: EventContent, ordinal: number, hash: Sha256 = sha256): string {
  return contentIdOfCanonical(canonicalContent(content), ordinal, hash);
}

/** The same, for whoever has the canonical content at hand already (it is also what finds the equals). */
export function contentIdOfCanonical(canonical: string, ordinal: number, hash: Sha256 = sha256): string {
  assert(Number.isSafeInteger(ordinal) && ordinal >= 0, `an ordinal is an integer from 0: ${ordinal}`);
  return uuidV8(hash(utf8Bytes(`${canonical}\n${ordinal}`)));
}
