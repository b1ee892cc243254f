/**
 * Reads the body of a request: bytes in, decoded bytes out, never more than the limit.
 *
 * Limits work on what has really arrived, not on what is announced: an announced length that is too large is refused
 * at once, but memory is only counted (and 429 only answered) for bytes that are there. Chunks are collected and
 * copied once; a body of one chunk is not copied at all.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { EpsilonError } from "@epsilon/model";
import type { ZstdCodec } from "./zstd.ts";

/** How many bytes of bodies are in memory at one time, over all requests. */
export class BodyBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Throws `overloaded` where there is no room. */
  take(bytes: number): void {
    if (this.#bytesMax < this.#bytes + bytes) {
      throw new EpsilonError(
        "overloaded",
        `the bodies that are being received take ${this.#bytesMax} bytes already: try again after Retry-After`,
      );
    }
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

export interface Body {
  readonly bytes: Uint8Array;
  /** Gives its room back. To be called once, when nobody needs the bytes any more. */
  readonly release: () => void;
}

export interface BodyOptions {
  readonly bytesMax: number;
  readonly budget: BodyBudget;
  readonly zstd: ZstdCodec;
}

type Encoding = "identity" | "gzip" | "zstd";

const decodeChunkBytes = 64 * 1024;
/** Requests that wait for `100 Continue` before they send their body. */
const waitingForContinue = new WeakMap<IncomingMessage, ServerResponse>();

/** Remembers that a request's body comes only after `100 Continue`, so that a refused body is never sent. */
export function expectContinue(request: IncomingMessage, response: ServerResponse): void {
  waitingForContinue.set(request, response);
}

/** Whether the sender still waits for `100 Continue`: then there is nothing to drain. */
export function isWaitingForContinue(request: IncomingMessage): boolean {
  return waitingForContinue.has(request);
}

/**
 * The decoded body. Throws `unsupported_encoding`, `bad_encoding`, `body_too_large`, `overloaded`, and `bad_request`
 * if the sender breaks off.
 */
export async function readBody(request: IncomingMessage, options: BodyOptions): Promise<Body> {
  const encoding = encodingOf(request);
  const announcedBytes = Number(request.headers["content-length"] ?? 0);
  if (options.bytesMax < announcedBytes) {
    throw bodyTooLarge(options.bytesMax, `the body has ${announcedBytes} bytes`);
  }
  waitingForContinue.get(request)?.writeContinue();
  waitingForContinue.delete(request);
  if (encoding === "identity") return collect(request, request, options);
  if (encoding === "gzip") return decodeGzip(request, options);
  return decodeZstd(await collect(request, request, options), options);
}

function decodeZstd(encoded: Body, { zstd, budget, bytesMax }: BodyOptions): Body {
  try {
    const bytes = zstd.decode(encoded.bytes, bytesMax);
    budget.take(bytes.length);
    return { bytes, release: () => budget.give(bytes.length) };
  } finally {
    encoded.release();
  }
}

async function decodeGzip(request: IncomingMessage, options: BodyOptions): Promise<Body> {
  const decoder = createGunzip({ chunkSize: decodeChunkBytes });
  let encodedBytes = 0;
  const count = (chunk: Uint8Array): void => {
    encodedBytes += chunk.length;
  };
  request.on("data", count);
  request.pipe(decoder);
  try {
    const body = await collect(decoder, request, options);
    // A decoder that has seen the end of its data leaves what follows, without a word.
    if (decoder.bytesWritten < encodedBytes) {
      body.release();
      throw new EpsilonError("bad_encoding", "the body goes on after the end of its encoded data");
    }
    return body;
  } finally {
    request.off("data", count);
    request.unpipe(decoder);
    decoder.destroy();
  }
}

function collect(source: Readable, request: IncomingMessage, options: BodyOptions): Promise<Body> {
  const { budget, bytesMax } = options;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const leave = (): void => {
      source.off("data", onData).off("end", onEnd).off("error", onError);
      request.off("close", onClose).off("error", onError);
    };
    const fail = (error: EpsilonError): void => {
      leave();
      // What a decoder or a socket still reports after this has nobody left to be told.
      source.on("error", () => undefined);
      source.pause();
      budget.give(size);
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      if (bytesMax < size + chunk.length) {
        fail(bodyTooLarge(bytesMax, "it has more"));
        return;
      }
      try {
        budget.take(chunk.length);
      } catch (error) {
        fail(error as EpsilonError);
        return;
      }
      size += chunk.length;
      chunks.push(chunk);
    };
    const onEnd = (): void => {
      leave();
      const [only] = chunks;
      const bytes = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, size);
      resolve({ bytes, release: () => budget.give(size) });
    };
    const onError = (cause: Error): void => fail(source === request ? brokenOff() : badEncoding(cause));
    const onClose = (): void => {
      if (!request.complete) fail(brokenOff());
    };
    source.on("data", onData).once("end", onEnd).once("error", onError);
    request.once("close", onClose);
    if (source !== request) request.once("error", onError);
  });
}

function encodingOf(request: IncomingMessage): Encoding {
  const text = request.headers["content-encoding"]?.trim().toLowerCase() ?? "";
  if (text === "" || text === "identity") return "identity";
  if (text === "gzip" || text === "x-gzip") return "gzip";
  if (text === "zstd") return "zstd";
  throw new EpsilonError(
    "unsupported_encoding",
    `Content-Encoding is ${JSON.stringify(text.slice(0, 100))}: send gzip, zstd, or nothing of the kind`,
  );
}

function bodyTooLarge(bytesMax: number, what: string): EpsilonError {
  return new EpsilonError(
    "body_too_large",
    `a body has ${bytesMax} bytes at most (after decoding), and ${what}: send it in several requests`,
  );
}

function badEncoding(cause: Error): EpsilonError {
  return new EpsilonError(
    "bad_encoding",
    `the body does not decode as its Content-Encoding: ${cause.message}`,
    {
      cause,
    },
  );
}

function brokenOff(): EpsilonError {
  return new EpsilonError("bad_request", "the body broke off before its end");
}
