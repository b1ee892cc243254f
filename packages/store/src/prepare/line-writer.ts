/**
 * The buffer that load lines are written into (docs/formats/load-line.md), byte by byte: most events never become a
 * JavaScript text on their way from the request to the log.
 */

import { hash } from "node:crypto";
import { canonicalEvent, type Event } from "@epsilon/model";
import { keyHash, keyHashOfText } from "./key-hash.ts";

const newline = 0x0a;
const closeBrace = 0x7d;
const zero = 0x30;

/** Room for what a line has beyond the bytes that came in: id, time, the hash's halves. */
export const lineOverheadBytes = 160;

const highMember = Buffer.from(',"_h":');
const lowMember = Buffer.from(',"_l":');

export class LineWriter {
  bytes: Buffer;
  /** The same bytes, four at a time. */
  words: DataView;
  /** The end of what is written. */
  at = 0;
  /** A number for each line's id (key-hash.ts), or null where nobody asks for them. */
  readonly #idHashes: number[] | null;

  constructor(capacityBytes: number, options: { readonly hashesIds: boolean }) {
    // A small one comes out of Node's pool: memory of its own costs more than the event that it is for.
    this.bytes = Buffer.allocUnsafe(Math.max(capacityBytes, 1024));
    this.words = viewOf(this.bytes);
    this.#idHashes = options.hashesIds ? [] : null;
  }

  /** The id of the line that is being written stands at `at`. */
  noteId(at: number): void {
    this.#idHashes?.push(keyHash(this.words, at));
  }

  idHashes(): Float64Array | null {
    return this.#idHashes === null ? null : Float64Array.from(this.#idHashes);
  }

  /** Makes room for so many bytes more. `bytes` may be another buffer after it. */
  reserve(sizeBytes: number): void {
    if (this.at + sizeBytes <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + sizeBytes));
    this.bytes.copy(grown, 0, 0, this.at);
    this.bytes = grown;
    this.words = viewOf(grown);
  }

  /** All of a load line from an event, the careful way. */
  event(event: Event): void {
    const text = canonicalEvent(event);
    this.reserve(text.length * 3 + lineOverheadBytes);
    const start = this.at;
    this.at += this.bytes.write(text, start);
    this.seal(start);
    this.#idHashes?.push(keyHashOfText(event.id));
  }

  /** The canonical text from `start` is complete: hashes it, and makes it a load line. */
  seal(start: number): void {
    const { bytes } = this;
    // One character a byte: cheaper than a Buffer of 32 bytes, and than hex, which would have to be parsed.
    const digest = hash("sha256", bytes.subarray(start, this.at), "binary");
    const high = uint32(digest, 0);
    const low = uint32(digest, 4);
    let at = this.at - 1;
    for (let index = 0; index < highMember.length; index++) bytes[at++] = highMember[index] as number;
    at = writeDigits(bytes, at, high);
    for (let index = 0; index < lowMember.length; index++) bytes[at++] = lowMember[index] as number;
    at = writeDigits(bytes, at, low);
    bytes[at++] = closeBrace;
    bytes[at++] = newline;
    this.at = at;
  }

  lines(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function uint32(latin1: string, at: number): number {
  return (
    latin1.charCodeAt(at) * 0x1000000 +
    ((latin1.charCodeAt(at + 1) << 16) | (latin1.charCodeAt(at + 2) << 8) | latin1.charCodeAt(at + 3))
  );
}

/** Writes an integer (safe, of either sign) in decimal; answers where it ends. */
export function writeDigits(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  if (rest < 0) {
    bytes[at++] = 0x2d;
    rest = -rest;
  }
  if (rest >= 1_000_000_000) {
    const upper = Math.floor(rest / 1_000_000_000);
    at = writeDigits(bytes, at, upper);
    let lower = rest - upper * 1_000_000_000;
    for (let place = at + 8; place >= at; place--) {
      const tenth = (lower / 10) | 0;
      bytes[place] = zero + lower - tenth * 10;
      lower = tenth;
    }
    return at + 9;
  }
  let small = rest | 0;
  let places = 1;
  for (let bound = 10; bound <= small; bound *= 10) places += 1;
  for (let place = at + places - 1; place >= at; place--) {
    const tenth = (small / 10) | 0;
    bytes[place] = zero + small - tenth * 10;
    small = tenth;
  }
  return at + places;
}
