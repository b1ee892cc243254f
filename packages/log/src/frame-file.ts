/** Reading the frames of one file of the log, in large reads and bounded memory. */

import type { Env, FileHandle } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { type FrameLine, lineBytesMax, magic, offsetText, openFrame, parseLine } from "./frame.ts";

/** A frame as it is read back. Offsets are logical: byte positions that go on through all files. */
export interface LogFrame {
  readonly start: number;
  /** Where the next frame starts. */
  readonly end: number;
  readonly header: string;
  /** A view of what was read; it stays as it is. */
  readonly payload: Uint8Array;
}

/** What stands at an offset: a frame that verifies, or why there is none. */
export type Found =
  | { readonly kind: "frame"; readonly frame: LogFrame; readonly synced: number }
  | { readonly kind: "bad"; readonly reason: string };

const readBytes = 4 * 1024 * 1024;
const magicBytes = new TextEncoder().encode(magic);
const [magicByte = 0] = magicBytes;

/** The name of the file whose first frame has the logical offset `start`. */
export function fileName(start: number): string {
  return `${offsetText(start)}.log`;
}

/** The logical offset in a file's name; undefined if the name is not one of the log's. */
export function parseFileName(name: string): number | undefined {
  const hit = /^(\d{20})\.log$/.exec(name);
  const start = hit === null ? Number.NaN : Number(hit[1]);
  return Number.isSafeInteger(start) ? start : undefined;
}

/** One file, open for reading. */
export class FrameFile {
  readonly path: string;
  readonly start: number;
  readonly sizeBytes: number;
  readonly #handle: FileHandle;
  #window: Uint8Array = new Uint8Array(0);
  #windowAt = 0;

  private constructor(path: string, start: number, sizeBytes: number, handle: FileHandle) {
    this.path = path;
    this.start = start;
    this.sizeBytes = sizeBytes;
    this.#handle = handle;
  }

  static async open(env: Env, directory: string, start: number): Promise<FrameFile> {
    const path = `${directory}/${fileName(start)}`;
    const handle = await env.files.open(path, "read");
    try {
      return new FrameFile(path, start, await handle.sizeBytes(), handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The logical offset at which the file's bytes end, whatever they are. */
  get end(): number {
    return this.start + this.sizeBytes;
  }

  /**
   * What stands at the logical offset `at`.
   *
   * @throws EpsilonError `data_from_newer_version`
   */
  async frameAt(at: number): Promise<Found> {
    const line = await this.#lineAt(at);
    if (typeof line === "string") return { kind: "bad", reason: line };
    const opened = openFrame(line, await this.#bytes(at - this.start, line.frameBytes));
    if (typeof opened === "string") return { kind: "bad", reason: opened };
    return {
      kind: "frame",
      frame: { start: at, end: at + line.frameBytes, ...opened },
      synced: line.synced,
    };
  }

  /** The next frame after `at`, which is inside something that does not verify. */
  async frameAfter(at: number): Promise<(Found & { readonly kind: "frame" }) | undefined> {
    // Not only at the beginnings of lines: the newline before the frame may be what is damaged.
    for (let place = at - this.start + 1; place < this.sizeBytes; place += 1) {
      await this.#bytes(place, 1);
      const ahead = this.#window.subarray(place - this.#windowAt);
      const hit = ahead.indexOf(magicByte);
      place += hit < 0 ? ahead.length - 1 : hit;
      if (hit < 0) continue;
      const start = await this.#bytes(place, magicBytes.length);
      if (!magicBytes.every((byte, index) => start[index] === byte)) continue;
      const found = await this.frameAt(this.start + place);
      if (found.kind === "frame") return found;
    }
    return undefined;
  }

  /** The error for a frame at `at` that should be there and is not. */
  damage(at: number, reason: string): EpsilonError {
    const offset = at - this.start;
    return new EpsilonError(
      "log_damaged",
      `${this.path} is damaged at byte ${offset} (${reason}): restore the data folder from a copy, ` +
        "or ask the check command what can be read",
      { details: { file: this.path, offset, logicalOffset: at } },
    );
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #lineAt(at: number): Promise<FrameLine | string> {
    const line = parseLine(await this.#bytes(at - this.start, lineBytesMax));
    if (typeof line === "string") return line;
    if (line.start !== at) return `the frame says that it begins at ${line.start}, not at ${at}`;
    if (this.end < at + line.frameBytes) return "the frame is incomplete";
    return line;
  }

  /** Up to `length` bytes at `place`, fewer only at the end of the file. */
  async #bytes(place: number, length: number): Promise<Uint8Array> {
    const until = Math.min(this.sizeBytes, place + length);
    if (place < this.#windowAt || this.#windowAt + this.#window.length < until) {
      // Never the same buffer again: payloads that were handed out are views of the old one.
      const wanted = Math.max(length, readBytes);
      this.#window = await this.#handle.read(place, Math.min(wanted, this.sizeBytes - place));
      this.#windowAt = place;
    }
    return this.#window.subarray(place - this.#windowAt, until - this.#windowAt);
  }
}
