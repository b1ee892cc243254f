/**
 * zstd by two WebAssembly builds of the reference code, on every Node alike: Node 20 has none, and the streams of later
 * ones take a body of several frames for one that ends after the first. They work on whole pieces: a body is decoded in
 * one go once it is there, and a stream is encoded as one frame a chunk.
 *
 * A body says in its frame and block headers how large it may get (RFC 8878, 3.1.1), so a bomb is refused before
 * anything is decoded.
 */

import { EpsilonError } from "@epsilon/model";
import { Zstd } from "@hpcc-js/wasm-zstd";
import { ZSTDDecoder } from "zstddec";

export interface ZstdCodec {
  /** Throws `bad_encoding`, and `body_too_large` where the result would be larger than `bytesMax`. */
  decode(bytes: Uint8Array, bytesMax: number): Uint8Array;
  /** One frame. */
  encode(bytes: Uint8Array): Uint8Array;
}

const blockBytesMax = 128 * 1024;
/** RFC 9659: for `Content-Encoding: zstd` a window is 8 MiB at most; this leaves room. */
const windowBytesMax = 128 * 1024 * 1024;
const magic = 0xfd2fb528;
/** Fast, and still better than gzip at its default. */
const encodeLevel = 1;

/** Loads both. */
export async function loadZstd(): Promise<ZstdCodec> {
  const decoder = new ZSTDDecoder();
  const [encoder] = await Promise.all([Zstd.load(), decoder.init()]);
  return {
    decode: (bytes, bytesMax) => decodeWhole(decoder, bytes, bytesMax),
    encode: (bytes) => encoder.compress(bytes, encodeLevel),
  };
}

function decodeWhole(decoder: ZSTDDecoder, bytes: Uint8Array, bytesMax: number): Uint8Array {
  const bound = decodedBytesBound(bytes);
  if (bytesMax < bound.certain) throw bodyTooLarge(bytesMax);
  if (bound.most === 0) return new Uint8Array();
  const decoded = decoder.decode(bytes, Math.min(bound.most, bytesMax + 1));
  if (bytesMax < decoded.length) throw bodyTooLarge(bytesMax);
  if (0 < decoded.length) return decoded;
  // The decoder reports every failure as an empty result: damage, or no room for what comes out.
  throw bytesMax < bound.most ? bodyTooLarge(bytesMax) : badZstd("its contents are damaged");
}

interface DecodedBound {
  /** At least this much comes out: declared sizes, and blocks that are not compressed. */
  readonly certain: number;
  /** At most this much comes out. */
  readonly most: number;
}

/** Walks over the headers of all frames and blocks. Throws `bad_encoding`. */
export function decodedBytesBound(bytes: Uint8Array): DecodedBound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let certain = 0;
  let most = 0;
  let offset = 0;
  while (offset < bytes.length) {
    if (bytes.length < offset + 8) throw badZstd("it ends within a frame");
    if (view.getUint32(offset, true) >>> 4 === 0x184d2a5) {
      offset += 8 + view.getUint32(offset + 4, true);
      if (bytes.length < offset) throw badZstd("it ends within a skippable frame");
      continue;
    }
    const header = readFrameHeader(view, offset);
    const blocks = readBlocks(view, offset + header.headerBytes, header.windowBytes);
    offset = blocks.end + (header.hasChecksum ? 4 : 0);
    if (bytes.length < offset) throw badZstd("it ends within a checksum");
    const { contentBytes } = header;
    const isPossible =
      contentBytes === null || (blocks.certain <= contentBytes && contentBytes <= blocks.most);
    if (!isPossible) throw badZstd("its blocks cannot make the size that it declares");
    certain += contentBytes ?? blocks.certain;
    most += contentBytes ?? blocks.most;
  }
  return { certain, most };
}

interface FrameHeader {
  readonly headerBytes: number;
  readonly windowBytes: number;
  readonly contentBytes: number | null;
  readonly hasChecksum: boolean;
}

function readFrameHeader(view: DataView, start: number): FrameHeader {
  if (view.getUint32(start, true) !== magic) throw badZstd("there is no zstd frame where one should begin");
  const descriptor = view.getUint8(start + 4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  if (dictionaryBytes !== 0) throw badZstd("it needs a dictionary, which is not supported");
  const sizeFlag = descriptor >>> 6;
  const sizeBytes = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 2 ** sizeFlag;
  const sizeOffset = start + 5 + (isSingleSegment ? 0 : 1);
  if (view.byteLength < sizeOffset + sizeBytes) throw badZstd("it ends within a frame");
  const contentBytes = readContentBytes(view, sizeOffset, sizeBytes);
  const windowBytes = isSingleSegment ? (contentBytes ?? 0) : readWindowBytes(view.getUint8(start + 5));
  if (!isSingleSegment && windowBytesMax < windowBytes) throw badZstd("its window is larger than 128 MiB");
  const headerBytes = sizeOffset + sizeBytes - start;
  return { headerBytes, windowBytes, contentBytes, hasChecksum: (descriptor & 4) !== 0 };
}

function readContentBytes(view: DataView, offset: number, sizeBytes: number): number | null {
  if (sizeBytes === 0) return null;
  if (sizeBytes === 1) return view.getUint8(offset);
  if (sizeBytes === 2) return view.getUint16(offset, true) + 256;
  if (sizeBytes === 4) return view.getUint32(offset, true);
  return Number(view.getBigUint64(offset, true));
}

function readWindowBytes(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}

function readBlocks(
  view: DataView,
  start: number,
  windowBytes: number,
): { readonly end: number; readonly certain: number; readonly most: number } {
  let offset = start;
  let certain = 0;
  let most = 0;
  for (let isLast = false; !isLast; ) {
    if (view.byteLength < offset + 3) throw badZstd("it ends within a block");
    const header = view.getUint16(offset, true) + view.getUint8(offset + 2) * 65_536;
    isLast = (header & 1) === 1;
    const kind = (header >>> 1) & 3;
    const size = header >>> 3;
    if (kind === 3) throw badZstd("a block is of no known kind");
    const isCompressed = kind === 2;
    if (!isCompressed) certain += size;
    most += isCompressed ? Math.min(blockBytesMax, Math.max(windowBytes, 1)) : size;
    offset += 3 + (kind === 1 ? 1 : size);
    if (view.byteLength < offset) throw badZstd("it ends within a block");
  }
  return { end: offset, certain, most };
}

function bodyTooLarge(bytesMax: number): EpsilonError {
  return new EpsilonError(
    "body_too_large",
    `the body decodes to more than ${bytesMax} bytes: send less at once`,
  );
}

function badZstd(why: string): EpsilonError {
  return new EpsilonError("bad_encoding", `the body is not zstd, although Content-Encoding says so: ${why}`);
}
