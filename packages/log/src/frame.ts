/**
 * The bytes of one frame; docs/formats/log.md describes them.
 *
 *   #epsilon 1 <start> <synced> <header bytes> <payload bytes> <crc32>\n<header>\n<payload>\n
 */

import { crc32 } from "@epsilon/env";
import { assert, EpsilonError } from "@epsilon/model";

/** The version that this release writes, and the newest that it reads. */
export const formatVersion = 1;
export const frameBytesMax = 256 * 1024 * 1024;
/** Every frame begins with this, at the beginning of a line. */
export const magic = "#epsilon ";
/** No first line is longer. */
export const lineBytesMax = 128;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const newlineByte = 0x0a;
const newline = Uint8Array.of(newlineByte);
/** A payload up to this size is copied: one buffer to write costs less than two. */
const copiedBytesMax = 4096;

/** A frame that waits to be written. The payload is not copied. */
export interface EncodedFrame {
  readonly start: number;
  readonly end: number;
  readonly header: Uint8Array;
  readonly payload: readonly Uint8Array[];
  readonly payloadBytes: number;
  /** CRC-32 of header and payload. */
  readonly contentCrc: number;
}

/** A first line, taken apart. */
export interface FrameLine {
  readonly version: number;
  readonly start: number;
  readonly synced: number;
  readonly headerBytes: number;
  readonly payloadBytes: number;
  readonly crc: number;
  /** With its newline. */
  readonly lineBytes: number;
  /** With everything. */
  readonly frameBytes: number;
  /** The part of the line that the checksum covers. */
  readonly covered: string;
}

/** Lays out a frame that begins at logical offset `start`. Throws `body_too_large` beyond `frameBytesMax`. */
export function encodeFrame(start: number, headerText: string, payload: readonly Uint8Array[]): EncodedFrame {
  assert(!headerText.includes("\n"), "a frame's header is one line");
  const header = Buffer.from(headerText);
  let contentCrc = crc32(header);
  let payloadBytes = 0;
  for (const part of payload) {
    contentCrc = crc32(part, contentCrc);
    payloadBytes += part.length;
  }
  const covered = coveredPart(formatVersion, start, 0, header.length, payloadBytes);
  const size = sizeOf(covered.length, header.length, payloadBytes);
  if (frameBytesMax < size)
    throw new EpsilonError(
      "body_too_large",
      `a log frame of ${size} bytes; at most ${frameBytesMax}: send less at once`,
    );
  return { start, end: start + size, header, payload, payloadBytes, contentCrc };
}

/** The buffers to write, in order. `synced` is the logical offset up to which the log is known to be durable. */
export function frameBuffers(frame: EncodedFrame, synced: number): Uint8Array[] {
  const { start, header, payloadBytes } = frame;
  const covered = coveredPart(formatVersion, start, synced, header.length, payloadBytes);
  const line = `${covered} ${hex(crc32(covered, frame.contentCrc))}\n`;
  const isCopied = payloadBytes <= copiedBytesMax;
  const headBytes = line.length + header.length + 1;
  // Small buffers come out of Node's pool.
  const head = Buffer.allocUnsafe(isCopied ? headBytes + payloadBytes + 1 : headBytes);
  let at = head.write(line, 0, "latin1");
  head.set(header, at);
  at += header.length;
  head[at++] = newlineByte;
  if (!isCopied) return [head, ...frame.payload, newline];
  for (const part of frame.payload) {
    head.set(part, at);
    at += part.length;
  }
  head[at] = newlineByte;
  return [head];
}

/**
 * The first line that `bytes` begin with, or why there is none. Says nothing yet about what follows it.
 * Throws `data_from_newer_version` for a version whose lines look different.
 */
export function parseLine(bytes: Uint8Array): FrameLine | string {
  const text = decoder.decode(bytes.subarray(0, lineBytesMax));
  const hit = /^(#epsilon (\d{1,4}) (\d{20}) (\d{20}) (\d{1,9}) (\d{1,9})) ([0-9a-f]{8})\n/.exec(text);
  if (hit === null) {
    const other = /^#epsilon (\d{1,4}) /.exec(text);
    if (other !== null && formatVersion < Number(other[1])) throw newerVersion(Number(other[1]));
    return "no frame begins here";
  }
  const [whole, covered = "", version, start, synced, headerBytes, payloadBytes, crc = ""] = hit;
  const line = {
    version: Number(version),
    start: Number(start),
    synced: Number(synced),
    headerBytes: Number(headerBytes),
    payloadBytes: Number(payloadBytes),
    crc: Number.parseInt(crc, 16),
    lineBytes: whole.length,
    covered,
  };
  const frameBytes = sizeOf(covered.length, line.headerBytes, line.payloadBytes);
  if (frameBytesMax < frameBytes) return "the frame's sizes are beyond all limits";
  return { ...line, frameBytes };
}

/** Header and payload of a whole frame whose line is parsed, or why it does not verify. The payload is a view. */
export function openFrame(
  line: FrameLine,
  bytes: Uint8Array,
): { readonly header: string; readonly payload: Uint8Array } | string {
  if (bytes.length < line.frameBytes) return "the frame is incomplete";
  const headerEnd = line.lineBytes + line.headerBytes;
  const header = bytes.subarray(line.lineBytes, headerEnd);
  const payload = bytes.subarray(headerEnd + 1, headerEnd + 1 + line.payloadBytes);
  const contentCrc = crc32(payload, crc32(header));
  if (line.version !== formatVersion) {
    // Either a newer release wrote it, or this digit is all that is damaged.
    const { start, synced, headerBytes, payloadBytes } = line;
    const asOurs = coveredPart(formatVersion, start, synced, headerBytes, payloadBytes);
    const isOurs = crc32(asOurs, contentCrc) === line.crc;
    if (!isOurs && formatVersion < line.version) throw newerVersion(line.version);
    return "the frame's version is damaged";
  }
  if (crc32(line.covered, contentCrc) !== line.crc) return "the frame fails its checksum";
  const isClosed = bytes[headerEnd] === newlineByte && bytes[line.frameBytes - 1] === newlineByte;
  if (!isClosed) return "the frame lacks a line's end";
  return { header: decoder.decode(header), payload };
}

function newerVersion(version: number): EpsilonError {
  return new EpsilonError(
    "data_from_newer_version",
    `the log has format version ${version}, this release reads up to ${formatVersion}: run a newer release`,
    { details: { version, readable: formatVersion } },
  );
}

// Offsets have a fixed width, so that a frame's size is known before `synced` is.
function coveredPart(
  version: number,
  start: number,
  synced: number,
  headerBytes: number,
  payloadBytes: number,
): string {
  return `${magic}${version} ${offsetText(start)} ${offsetText(synced)} ${headerBytes} ${payloadBytes}`;
}

/** A logical offset as it stands in frames and file names: 20 digits. */
export function offsetText(offset: number): string {
  return String(offset).padStart(20, "0");
}

function sizeOf(coveredBytes: number, headerBytes: number, payloadBytes: number): number {
  return coveredBytes + " 01234567\n".length + headerBytes + 1 + payloadBytes + 1;
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}
