/** An open file that others write to: how large it is, how much of it was read, and whether it was cut. */

import type { Env, FileHandle } from "@epsilon/env";
import { type Feed, type FeedOptions, growingFile } from "./feed.ts";

/** So many of its first bytes tell a file from what was written into it anew. */
const headBytes = 256;

/** Opens a file to be followed. Rejects with `file_not_found`, `io_error`. */
export async function openWatched(env: Env, path: string): Promise<WatchedFile> {
  const file = await env.files.open(path, "read");
  try {
    const watched = new WatchedFile(env, file, await file.identity());
    await watched.look();
    return watched;
  } catch (error) {
    await file.close();
    throw error;
  }
}

export class WatchedFile {
  /** See `Files.identity`. */
  readonly identity: string;
  readonly #env: Env;
  readonly #file: FileHandle;
  #sizeBytes = 0;
  #head: Uint8Array = new Uint8Array(0);
  #grewMs: number;
  #readTo = 0;
  #isCut = false;

  constructor(env: Env, file: FileHandle, identity: string) {
    this.#env = env;
    this.#file = file;
    this.identity = identity;
    this.#grewMs = env.clock.elapsedMs();
  }

  /** Its first bytes, 256 at most. */
  get head(): Uint8Array {
    return this.#head;
  }

  /** How large it was when it was looked at last; how large it had become before it was cut. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** When it was last seen to have grown, on the clock of `elapsedMs`. */
  get grewMs(): number {
    return this.#grewMs;
  }

  /** How far somebody has read. */
  get readTo(): number {
    return this.#readTo;
  }

  /** Whether what was read of it is no longer what it holds. */
  get isCut(): boolean {
    return this.#isCut;
  }

  async look(): Promise<void> {
    if (this.#isCut) return;
    const sizeBytes = await this.#file.sizeBytes();
    const head = await this.#file.read(0, headBytes);
    this.#isCut = sizeBytes < this.#sizeBytes || !beginsWith(head, this.#head);
    if (this.#isCut) return;
    this.#head = head;
    if (sizeBytes > this.#sizeBytes) this.#grewMs = this.#env.clock.elapsedMs();
    this.#sizeBytes = sizeBytes;
  }

  /** Its bytes from the beginning. Nothing more comes out of it once it was cut. */
  feed(options: FeedOptions): Feed {
    const file = {
      read: async (offset: number, length: number): Promise<Uint8Array> => {
        if (this.#isCut) return new Uint8Array(0);
        // What lies behind the size that was seen may have been written after a cut that was not.
        const bytes = await this.#file.read(offset, Math.min(length, Math.max(0, this.#sizeBytes - offset)));
        this.#readTo = Math.max(this.#readTo, offset + bytes.length);
        return bytes;
      },
    };
    return growingFile(file, options);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function beginsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return start.every((byte, index) => bytes[index] === byte);
}
