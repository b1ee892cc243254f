/** Encodes answers as the caller accepts them: gzip or zstd, from about 1 KiB on. */

import { pipeline, Readable } from "node:stream";
import { constants, createGzip, gzip } from "node:zlib";
import type { ZstdCodec } from "./zstd.ts";

export type AnswerEncoding = "gzip" | "zstd" | null;

/** Shorter bodies cost more to encode than to send. */
export const encodedBytesMin = 1024;
/** Most of the gain at a third of the price. */
const gzipLevel = 3;

/** What the caller likes best of what we have; between equals gzip, which Node does off the main thread. */
export function chooseEncoding(acceptEncoding: string | undefined): AnswerEncoding {
  if (acceptEncoding === undefined || acceptEncoding === "") return null;
  const qualities = new Map<string, number>();
  for (const item of acceptEncoding.toLowerCase().split(",")) {
    const [name = "", ...parameters] = item.split(";").map((part) => part.trim());
    const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? "1";
    qualities.set(name, Number(quality));
  }
  const qualityOf = (name: string): number => qualities.get(name) ?? qualities.get("*") ?? 0;
  const gzipQuality = qualities.get("x-gzip") ?? qualityOf("gzip");
  const zstdQuality = qualityOf("zstd");
  if (0 < zstdQuality && gzipQuality < zstdQuality) return "zstd";
  return 0 < gzipQuality ? "gzip" : null;
}

/** A whole body, encoded. */
export async function encodeBytes(
  bytes: Uint8Array,
  encoding: "gzip" | "zstd",
  zstd: ZstdCodec,
): Promise<Uint8Array> {
  if (encoding === "zstd") return zstd.encode(bytes);
  return new Promise((resolve, reject) => {
    gzip(bytes, { level: gzipLevel }, (error, encoded) =>
      error === null ? resolve(encoded) : reject(error),
    );
  });
}

/** A stream, encoded. If the chunks fail, so does the stream: it never ends as if it were whole. */
export function encodeStream(
  chunks: AsyncIterable<Uint8Array>,
  encoding: AnswerEncoding,
  zstd: ZstdCodec,
): Readable {
  if (encoding === "zstd") return Readable.from(encodeFrames(chunks, zstd), { objectMode: false });
  const plain = Readable.from(chunks, { objectMode: false });
  if (encoding === null) return plain;
  const encoder = createGzip({ level: gzipLevel, flush: constants.Z_NO_FLUSH });
  // The error is the encoder's too (pipeline destroys it), and reaches whoever reads it.
  pipeline(plain, encoder, () => undefined);
  return encoder;
}

async function* encodeFrames(chunks: AsyncIterable<Uint8Array>, zstd: ZstdCodec): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield zstd.encode(chunk);
}
