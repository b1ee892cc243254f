/** Putting content into a bucket: at once if it is small, otherwise in parts; whole or not at all. */

import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import type { Content } from "./objects.ts";
import { isUploadGone, notS3 } from "./s3-errors.ts";
import type { S3Requests } from "./s3-requests.ts";

const mebibyte = 1024 * 1024;
/** Of every part but the last, S3 wants at least 5 MiB. */
export const partBytesDefault = 8 * mebibyte;
const partsMax = 10_000;
/** How long to try to take an upload back: whoever waits has an error already, or wants to stop. */
const abortMs = 10_000;

/** Where to put something, and what to call that in errors. */
export interface S3Target {
  readonly bucket: string;
  readonly key: string;
  readonly what: string;
}

export class S3Uploads {
  readonly #env: Env;
  readonly #requests: S3Requests;
  readonly #partBytes: number;

  constructor(env: Env, requests: S3Requests, partBytes: number | undefined) {
    this.#env = env;
    this.#requests = requests;
    this.#partBytes = partBytes ?? partBytesDefault;
  }

  /** Puts `content` there, holding at most one part in memory. */
  async put(target: S3Target, content: Content, signal: AbortSignal | undefined): Promise<void> {
    if (content.sizeBytes <= this.#partBytes) return this.#putAtOnce(target, content, signal);
    try {
      await this.#putInParts(target, content, signal);
    } catch (error) {
      // Perhaps it was completed and the answer lost, perhaps not. A second upload is right either way.
      if (!isUploadGone(error)) throw error;
      await this.#putInParts(target, content, signal);
    }
  }

  async #putAtOnce(target: S3Target, content: Content, signal: AbortSignal | undefined): Promise<void> {
    const { bucket: Bucket, key: Key, what } = target;
    // An empty content has no part.
    let whole = new Uint8Array(0);
    for await (const part of partsOf(content, content.sizeBytes, signal)) whole = part;
    const { ETag } = await this.#requests.send(
      what,
      (client, options) => client.send(new PutObjectCommand({ Bucket, Key, Body: whole }), options),
      signal,
    );
    if (ETag === undefined) throw notS3(what);
  }

  async #putInParts(target: S3Target, content: Content, signal: AbortSignal | undefined): Promise<void> {
    const { bucket: Bucket, key: Key, what } = target;
    const { UploadId } = await this.#requests.send(
      what,
      (client, options) => client.send(new CreateMultipartUploadCommand({ Bucket, Key }), options),
      signal,
    );
    if (UploadId === undefined) throw notS3(what);
    const upload = { Bucket, Key, UploadId };
    try {
      const parts: { readonly PartNumber: number; readonly ETag: string }[] = [];
      for await (const Body of partsOf(content, this.#partBytesFor(content.sizeBytes), signal)) {
        const PartNumber = parts.length + 1;
        const { ETag } = await this.#requests.send(
          `${what}, part ${PartNumber}`,
          (client, options) => client.send(new UploadPartCommand({ ...upload, PartNumber, Body }), options),
          signal,
        );
        if (ETag === undefined) throw notS3(what);
        parts.push({ PartNumber, ETag });
      }
      const MultipartUpload = { Parts: parts };
      await this.#requests.send(
        what,
        (client, options) =>
          client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload }), options),
        signal,
      );
    } catch (error) {
      if (!isUploadGone(error)) await this.#takeBack(what, upload);
      throw error;
    }
  }

  /** Parts of an upload that is never completed would be stored, and paid for, without end. */
  async #takeBack(
    what: string,
    upload: { readonly Bucket: string; readonly Key: string; readonly UploadId: string },
  ): Promise<void> {
    const tooLate = new AbortController();
    const done = new AbortController();
    const limit = this.#env.clock.sleep(abortMs, done.signal).then(
      () => tooLate.abort(new EpsilonError("destination_unreachable", `${what}: no answer in ${abortMs} ms`)),
      () => undefined,
    );
    try {
      await this.#requests.send(
        what,
        (client, options) => client.send(new AbortMultipartUploadCommand(upload), options),
        tooLate.signal,
      );
    } catch (error) {
      if (isUploadGone(error)) return;
      // The error that led here says more; a rule of the bucket for incomplete uploads clears the rest away.
      const reason = error instanceof Error ? error.message : String(error);
      this.#env.report({ level: "warn", event: "upload_left_behind", details: { what, reason } });
    } finally {
      done.abort();
      await limit;
    }
  }

  /** Larger parts where 10 000 of the usual size would not do. */
  #partBytesFor(sizeBytes: number): number {
    const least = Math.ceil(sizeBytes / partsMax / mebibyte) * mebibyte;
    return sizeBytes <= this.#partBytes * partsMax ? this.#partBytes : least;
  }
}

/**
 * Content in parts of `partBytes`, the last one shorter. A part is valid until the next one is asked for: all of them
 * lie in one buffer. Throws `io_error` if the content is not as large as it says.
 */
async function* partsOf(
  content: Content,
  partBytes: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const buffer = new Uint8Array(Math.min(partBytes, content.sizeBytes));
  let filled = 0;
  let sizeBytes = 0;
  let left = content.sizeBytes;
  for await (const piece of content.read()) {
    signal?.throwIfAborted();
    sizeBytes += piece.length;
    if (content.sizeBytes < sizeBytes) throw wrongSize(`more than ${content.sizeBytes}`, content);
    for (let at = 0; at < piece.length; ) {
      const taken = Math.min(buffer.length - filled, piece.length - at);
      buffer.set(piece.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
      left -= taken;
      // The last part waits until it is sure that nothing comes after it.
      if (filled < buffer.length || left === 0) continue;
      yield buffer;
      filled = 0;
    }
  }
  signal?.throwIfAborted();
  if (sizeBytes !== content.sizeBytes) throw wrongSize(String(sizeBytes), content);
  if (0 < filled) yield buffer.subarray(0, filled);
}

function wrongSize(came: string, content: Content): EpsilonError {
  return new EpsilonError("io_error", `${came} bytes came of ${content.sizeBytes}: the file changed`);
}
