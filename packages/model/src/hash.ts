/**
 * Hashing, as a port: whoever has a faster SHA-256 at hand (a server has the platform's) passes it; the default is
 * plain JavaScript and runs anywhere. All of them give the same bytes, so nothing depends on which one was used.
 */

import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";

/** SHA-256 of the bytes: 32 bytes. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** SHA-256 in plain JavaScript. */
export const sha256: Sha256 = (bytes) => nobleSha256(bytes);

const encoder = new TextEncoder();

/** The UTF-8 bytes of a text. Check `isWellFormedText` first: a lone surrogate would become U+FFFD. */
export function utf8Bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

const hexOfByte: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, "0"),
);

/** Lower-case hex of the bytes. */
export function bytesToHex(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += hexOfByte[byte];
  return hex;
}

/** The bytes of a text of hex digits, which must be well formed (the callers have checked it). */
export function hexToBytes(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16);
  }
  return bytes;
}

/** Base64 with `-` and `_` and without padding: letters that a cursor may have. */
export function bytesToBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
