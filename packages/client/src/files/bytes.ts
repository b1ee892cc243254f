/** The bytes of a file: read in stretches, unpacked, and brought to UTF-8. */

import type { Env, FileHandle } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";

/** A file's bytes from its beginning, a megabyte at a time. Throws `file_not_found`, `io_error`. */
export async function* readFileBytes(
  env: Env,
  path: string,
  stretchBytes = 1024 * 1024,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await env.files.open(path, "read");
  try {
    yield* readHandleBytes(file, stretchBytes);
  } finally {
    await file.close();
  }
}

/** An open file's bytes from its beginning. It stays open. */
export async function* readHandleBytes(
  file: Pick<FileHandle, "read">,
  stretchBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let offset = 0; ; ) {
    const bytes = await file.read(offset, stretchBytes);
    if (bytes.length === 0) return;
    offset += bytes.length;
    yield bytes;
  }
}

/**
 * The first stretch of some bytes, at least `count` of them unless there are fewer or what is there `isEnough`, and
 * then all of them.
 */
export async function peek(
  bytes: AsyncIterable<Uint8Array>,
  count: number,
  isEnough: (head: Uint8Array) => boolean = () => false,
): Promise<{ readonly head: Uint8Array; readonly all: AsyncIterable<Uint8Array> }> {
  const iterator = bytes[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array(0);
  let isDone = false;
  while (head.length < count && !isDone && !isEnough(head)) {
    const next = await iterator.next();
    if (next.done === true) isDone = true;
    else head = concat(head, next.value);
  }
  async function* all(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      if (head.length > 0) yield head;
      while (!isDone) {
        const next = await iterator.next();
        if (next.done === true) isDone = true;
        else yield next.value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { head, all: all() };
}

/** Unpacks gzip, by its first two bytes; anything else goes through. */
export async function unpacked(bytes: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const { head, all } = await peek(bytes, 2);
  return head[0] === 0x1f && head[1] === 0x8b ? gunzip(all) : all;
}

async function* gunzip(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  // What DecompressionStream takes, by its type: no memory that several threads share.
  const packed = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull: async (controller) => {
        const next = await iterator.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value as Uint8Array<ArrayBuffer>);
      },
      cancel: async () => {
        await iterator.return?.();
      },
    },
    { highWaterMark: 1 },
  );
  const iterator = bytes[Symbol.asyncIterator]();
  const reader = packed.pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (;;) {
      const next = await reader.read();
      if (next.done) return;
      yield next.value as Uint8Array;
    }
  } catch (cause) {
    if (cause instanceof EpsilonError) throw cause;
    throw new EpsilonError("bad_encoding", "the file does not unpack as gzip; is it whole?", { cause });
  } finally {
    // The reason is on its way already, or there is none.
    await reader.cancel().catch(() => undefined);
  }
}

/**
 * The bytes as UTF-8, without a byte order mark. Without an encoding: UTF-16 where the file begins with its mark, else
 * UTF-8, which goes through unchecked. Throws `bad_request` for an unknown encoding.
 */
export async function toUtf8(
  bytes: AsyncIterable<Uint8Array>,
  encoding: string | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  const { head, all } = await peek(bytes, 3);
  const name = encoding === undefined ? encodingOf(head) : decoderOf(encoding).encoding;
  if (name !== "utf-8") return transcode(all, decoderOf(name));
  return head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? withoutFirst(all, 3) : all;
}

function encodingOf(head: Uint8Array): string {
  if (head[0] === 0xff && head[1] === 0xfe) return "utf-16le";
  return head[0] === 0xfe && head[1] === 0xff ? "utf-16be" : "utf-8";
}

function decoderOf(encoding: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(encoding);
  } catch (cause) {
    throw new EpsilonError(
      "bad_request",
      `--encoding ${encoding} is not known; utf-8, latin1, windows-1252, utf-16le, …`,
      { cause },
    );
  }
}

async function* transcode(
  bytes: AsyncIterable<Uint8Array>,
  decoder: InstanceType<typeof TextDecoder>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const encoder = new TextEncoder();
  for await (const chunk of bytes) {
    const text = decoder.decode(chunk, { stream: true });
    if (text !== "") yield encoder.encode(text);
  }
  const rest = decoder.decode();
  if (rest !== "") yield encoder.encode(rest);
}

async function* withoutFirst(
  bytes: AsyncIterable<Uint8Array>,
  count: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = count;
  for await (const chunk of bytes) {
    yield left === 0 ? chunk : chunk.subarray(left);
    left = 0;
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
