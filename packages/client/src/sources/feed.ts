/** The bytes of a file on their way to the splitter: UTF-8, unpacked, a stretch at a time. */

import type { Env, FileHandle } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { readFileBytes, readHandleBytes, toUtf8, unpacked } from "../files/bytes.ts";

export interface Feed {
  /** The next stretch; null where nothing more is there. */
  read(): Promise<Uint8Array | null>;
  close(): Promise<void>;
}

const defaultStretchBytes = 256 * 1024;

export interface FeedOptions {
  /** As the platform's TextDecoder knows it; UTF-8 without it. */
  readonly encoding: string | undefined;
  /** How much is read at a time. */
  readonly stretchBytes?: number | undefined;
}

/** A whole file, read once from its beginning to its end. */
export function wholeFile(env: Env, path: string, options: FeedOptions): Feed {
  return whole(readFileBytes(env, path, options.stretchBytes ?? defaultStretchBytes), options);
}

/** The same of an open file. Closing leaves it open. */
export function wholeHandle(file: FileHandle, options: FeedOptions): Feed {
  return whole(readHandleBytes(file, options.stretchBytes ?? defaultStretchBytes), options);
}

function whole(raw: AsyncIterable<Uint8Array>, { encoding }: FeedOptions): Feed {
  let bytes: AsyncIterator<Uint8Array> | undefined;
  return {
    read: async () => {
      bytes ??= (await toUtf8(await unpacked(raw), encoding))[Symbol.asyncIterator]();
      const next = await bytes.next();
      return next.done === true ? null : next.value;
    },
    close: async () => {
      await bytes?.return?.();
    },
  };
}

/** An open file that grows: after a null there may be more later. Closing leaves the file open, for others. */
export function growingFile(file: Pick<FileHandle, "read">, options: FeedOptions): Feed {
  const { encoding, stretchBytes = defaultStretchBytes } = options;
  const decoder = encoding === undefined ? undefined : new TextDecoder(encoding);
  const encoder = new TextEncoder();
  let offset = 0;
  return {
    read: async () => {
      for (;;) {
        const bytes = await file.read(offset, stretchBytes);
        if (bytes.length === 0) return null;
        if (offset === 0 && bytes[0] === 0x1f && bytes[1] === 0x8b)
          throw new EpsilonError("bad_request", "a packed file does not grow: push it without --follow");
        const isMarked = offset === 0 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
        offset += bytes.length;
        const plain = decoder === undefined ? bytes.subarray(isMarked ? 3 : 0) : decoded(bytes);
        if (plain.length > 0) return plain;
      }
    },
    close: () => Promise.resolve(),
  };

  function decoded(bytes: Uint8Array): Uint8Array {
    return encoder.encode(decoder?.decode(bytes, { stream: true }));
  }
}
