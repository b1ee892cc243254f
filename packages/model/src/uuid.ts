/**
 * UUIDs (RFC 9562): text and bytes, and the three ways we make them: random (v4), from a name (v5) and from a hash
 * of our own (v8). In the model a UUID is always its lower-case text, so that text order is UUID order.
 */

import { sha1 } from "@noble/hashes/legacy.js";
import { assert } from "./errors.ts";
import { bytesToHex, hexToBytes, utf8Bytes } from "./hash.ts";

/** The namespace that `_key` is hashed in. Never changes: ids follow from it on every instance and client. */
export const keyNamespace = "5d4e1b0c-7c3e-4a55-9f0b-6e70a1f2c8d3";

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The lower-case text of a UUID in 8-4-4-4-12 form (any version, any case); undefined if it is none. */
export function parseUuid(text: string): string | undefined {
  if (uuidPattern.test(text)) return text;
  const lower = text.toLowerCase();
  // Some letters outside of ASCII become ASCII in lower case (the Kelvin sign), but none of them a hex digit.
  return uuidPattern.test(lower) ? lower : undefined;
}

/** The lower-case text of 16 bytes. */
export function formatUuid(bytes: Uint8Array): string {
  assert(bytes.length === 16, `a UUID has 16 bytes, not ${bytes.length}`);
  const hex = bytesToHex(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The 16 bytes of a UUID, which must be one (`parseUuid` says so). */
export function uuidBytes(text: string): Uint8Array {
  const uuid = parseUuid(text);
  assert(uuid !== undefined, `not a UUID: ${text}`);
  return hexToBytes(uuid.replaceAll("-", ""));
}

/** A version 4 UUID of 16 random bytes, which the caller draws from its `Random`. */
export function randomUuid(randomBytes16: Uint8Array): string {
  assert(randomBytes16.length === 16, `a UUID needs 16 random bytes, not ${randomBytes16.length}`);
  return withVersion(randomBytes16, 4);
}

/** The version 5 UUID (SHA-1) of a name in a namespace. The name must be well-formed text. */
export function uuidV5(namespaceUuid: string, name: string): string {
  const namespace = uuidBytes(namespaceUuid);
  const nameBytes = utf8Bytes(name);
  const bytes = new Uint8Array(namespace.length + nameBytes.length);
  bytes.set(namespace);
  bytes.set(nameBytes, namespace.length);
  return withVersion(sha1(bytes), 5);
}

/** The version 8 UUID of a hash: its first 16 bytes, with version and variant put in. */
export function uuidV8(hash: Uint8Array): string {
  assert(hash.length >= 16, `a hash of at least 16 bytes is needed, not ${hash.length}`);
  return withVersion(hash, 8);
}

/** The first 16 bytes as a UUID: the version in the upper half of byte 6, the variant `10` on top of byte 8. */
function withVersion(source: Uint8Array, version: number): string {
  const bytes = source.slice(0, 16);
  bytes[6] = version * 16 + ((bytes[6] ?? 0) % 16);
  bytes[8] = 128 + ((bytes[8] ?? 0) % 64);
  return formatUuid(bytes);
}
