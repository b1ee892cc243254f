/**
 * The version of an event: 128 bits of SHA-256 over its canonical text. The same event has the same version on every
 * instance and client, in whatever spelling it arrived; it covers the key, so no two keys share one.
 */

import { canonicalEvent } from "./canonical.ts";
import { assert } from "./errors.ts";
import type { Event } from "./event.ts";
import { bytesToHex, type Sha256, sha256, utf8Bytes } from "./hash.ts";

const versionPattern = /^[0-9a-f]{32}$/;

/** The version: 32 lower-case hex digits. */
export function versionOf(event: Event, hash: Sha256 = sha256): string {
  return versionOfCanonical(utf8Bytes(canonicalEvent(event)), hash);
}

/** The version, for whoever has the canonical text's UTF-8 bytes at hand already. */
export function versionOfCanonical(canonicalBytes: Uint8Array, hash: Sha256 = sha256): string {
  return bytesToHex(hash(canonicalBytes).subarray(0, 16));
}

/** Whether a text is a version. */
export function isVersion(text: string): boolean {
  return versionPattern.test(text);
}

/** The first 64 bits of a version, unsigned: what a store keeps in a row and a digest sums up. */
export function versionHash64(version: string): bigint {
  assert(isVersion(version), `not a version: ${version}`);
  return BigInt(`0x${version.slice(0, 16)}`);
}
