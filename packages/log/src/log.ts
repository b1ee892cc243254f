/**
 * The log: frames appended in order, made durable in groups.
 *
 * All frames that are appended while a sync runs are written by one append and made durable by one sync, so the
 * number of syncs does not grow with the number of writers. A failed sync is final: what it was to keep is unknown.
 */

import type { Env, FileHandle } from "@epsilon/env";
import { assert, EpsilonError, must } from "@epsilon/model";
import { type EncodedFrame, encodeFrame, frameBuffers } from "./frame.ts";
import { FrameFile, fileName, type LogFrame } from "./frame-file.ts";
import { listStarts, notHeld, recover } from "./recover.ts";

export interface LogOptions {
  /** Made if it is not there. One process at a time; who opens the log sees to that. */
  readonly directory: string;
  /** A file that has reached this many bytes is followed by a new one. */
  readonly fileBytesMax: number;
  /** The log begins here if it holds nothing, or less; what lies wholly before is removed. 0 unless told. */
  readonly firstOffset?: number;
}

/** A frame on its way to the disk. Offsets are logical. */
export interface AppendedFrame {
  readonly start: number;
  readonly end: number;
  /**
   * Settles, in the order of the log, once the frame is synced. Rejects with `disk_full` (the frame is not in the log,
   * its offsets are given away again), `store_failed` or `closed`.
   */
  readonly durable: Promise<void>;
}

/** A checksummed log in a folder of its own. Offsets are logical: byte positions that go on through all files. */
export interface Log {
  /**
   * Appends a frame; its offsets are fixed at once. The header is well-formed text without a newline. The payload is
   * not copied, so it must stay as it is until `durable` settles. Throws `body_too_large` beyond 256 MiB.
   */
  append(header: string, payload: readonly Uint8Array[]): AppendedFrame;
  /** Where the next frame will start. Goes back to `durableOffset` when the disk is full. */
  readonly endOffset: number;
  /** Everything before it is synced. */
  readonly durableOffset: number;
  /** Start of the first frame that is still held. */
  readonly startOffset: number;
  /** Start of the first frame of every file that is held, ascending; the last one may hold none yet. */
  readonly fileStarts: readonly number[];
  readonly sizeBytes: number;
  /** Why the log takes nothing more (`store_failed`), if so. */
  readonly failure: EpsilonError | undefined;
  /**
   * The frames that are durable now, from the offset `from` on: a frame's start or the end. Rejects with `log_damaged`
   * if no frame starts there or one does not verify (details: file, offset). What is being read is not trimmed.
   */
  read(from: number): AsyncIterable<LogFrame>;
  /** Removes the files that hold nothing at or after `before`; never the last one. */
  trim(before: number): Promise<void>;
  /** Waits for what is pending. Later appends reject with `closed`. */
  close(): Promise<void>;
}

interface Waiting {
  readonly frame: EncodedFrame;
  readonly resolve: () => void;
  readonly reject: (error: EpsilonError) => void;
}

// Beyond this a group is cut in two, so that no single append grows with the queue.
const groupBytesMax = 32 * 1024 * 1024;

/**
 * Opens the log in `options.directory`: cuts off a torn tail, and refuses damage.
 *
 * @throws EpsilonError `log_damaged` (details: file, offset), `data_from_newer_version`, and those of the file system
 */
export async function openLog(env: Env, options: LogOptions): Promise<Log> {
  const { directory, firstOffset = 0 } = options;
  await env.files.makeDirectory(directory);
  const starts = await listStarts(env, directory);
  // What lies before firstOffset is of no use to anybody, whatever state it is in.
  await removeBefore(env, directory, starts, () => firstOffset);
  const recovered = await recover(env, directory, starts);
  if (0 < recovered.tornBytes) {
    const { tornBytes, endOffset } = recovered;
    env.report({ level: "warn", event: "log_tail_cut", details: { directory, tornBytes, endOffset } });
  }
  let endOffset = recovered.endOffset;
  if (starts.length === 0 || endOffset < firstOffset) {
    if (0 < starts.length)
      env.report({ level: "warn", event: "log_behind", details: { directory, endOffset, firstOffset } });
    const created = await env.files.open(`${directory}/${fileName(firstOffset)}`, "create");
    await created.close();
    starts.push(firstOffset);
    endOffset = firstOffset;
  }
  // Names that are seen may not be durable yet, and frames are about to rely on them.
  await env.files.syncDirectory(directory);
  await removeBefore(env, directory, starts, () => firstOffset);
  const handle = await env.files.open(`${directory}/${fileName(must(starts.at(-1)))}`, "append");
  return new FileLog(env, options, { starts, endOffset, handle });
}

/**
 * Removes files from the front, one after the other durably: a crash must not leave a hole. `before` is asked again
 * for each file, because a reader may have come in the meantime.
 */
async function removeBefore(
  env: Env,
  directory: string,
  starts: number[],
  before: () => number,
): Promise<void> {
  for (;;) {
    const [first, next] = starts;
    if (first === undefined || next === undefined || before() < next) return;
    // Off the list first: nobody may begin to read what is being removed.
    starts.shift();
    try {
      await env.files.remove(`${directory}/${fileName(first)}`);
    } catch (error) {
      starts.unshift(first);
      throw error;
    }
    await env.files.syncDirectory(directory);
  }
}

/** Removes a closed log's files: whoever read it has all of it elsewhere, durably. */
export async function discardLog(env: Env, directory: string): Promise<void> {
  const starts = await listStarts(env, directory);
  // The last one goes last, so that what a crash leaves is a log that ends where this one did.
  for (const start of starts) {
    await env.files.remove(`${directory}/${fileName(start)}`);
    await env.files.syncDirectory(directory);
  }
}

class FileLog implements Log {
  readonly #env: Env;
  readonly #directory: string;
  readonly #fileBytesMax: number;
  readonly #starts: number[];
  readonly #readers = new Set<{ at: number }>();
  #handle: FileHandle;
  #queue: Waiting[] = [];
  #endOffset: number;
  #durableOffset: number;
  #failure: EpsilonError | undefined;
  #writing: Promise<void> | undefined;
  #trimming: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(
    env: Env,
    options: LogOptions,
    state: { readonly starts: number[]; readonly endOffset: number; readonly handle: FileHandle },
  ) {
    this.#env = env;
    this.#directory = options.directory;
    this.#fileBytesMax = options.fileBytesMax;
    this.#starts = state.starts;
    this.#endOffset = state.endOffset;
    this.#durableOffset = state.endOffset;
    this.#handle = state.handle;
  }

  get endOffset(): number {
    return this.#endOffset;
  }

  get durableOffset(): number {
    return this.#durableOffset;
  }

  get startOffset(): number {
    return must(this.#starts[0]);
  }

  get fileStarts(): readonly number[] {
    return [...this.#starts];
  }

  get sizeBytes(): number {
    return this.#endOffset - this.startOffset;
  }

  get failure(): EpsilonError | undefined {
    return this.#failure;
  }

  append(header: string, payload: readonly Uint8Array[]): AppendedFrame {
    const frame = encodeFrame(this.#endOffset, header, payload);
    const { start, end } = frame;
    const refusal = this.#refusal();
    const durable = new Promise<void>((resolve, reject) => {
      if (refusal === undefined) this.#queue.push({ frame, resolve, reject });
      else reject(refusal);
    });
    // Whoever does not look at it still must not end the process.
    durable.catch(() => undefined);
    if (refusal === undefined) {
      this.#endOffset = end;
      this.#writing ??= this.#write();
    }
    return { start, end, durable };
  }

  #refusal(): EpsilonError | undefined {
    if (this.#failure !== undefined || this.#closed === undefined) return this.#failure;
    return new EpsilonError("closed", "the log is closed; write again when it is back");
  }

  async #write(): Promise<void> {
    // What is appended in the same turn belongs to the first group.
    await Promise.resolve();
    while (0 < this.#queue.length) await this.#writeGroup();
    this.#writing = undefined;
  }

  async #writeGroup(): Promise<void> {
    const group = this.#takeGroup();
    const end = must(group.at(-1)).frame.end;
    try {
      if (this.#fileBytesMax <= this.#durableOffset - must(this.#starts.at(-1))) await this.#rotate();
      await this.#handle.append(group.flatMap(({ frame }) => frameBuffers(frame, this.#durableOffset)));
    } catch (error) {
      if (error instanceof EpsilonError && error.code === "disk_full") await this.#giveBack(group, error);
      else this.#fail(group, error);
      return;
    }
    try {
      await this.#handle.sync();
    } catch (error) {
      this.#fail(group, error);
      return;
    }
    this.#durableOffset = end;
    for (const { resolve } of group) resolve();
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { frame } of this.#queue) {
      bytes += frame.end - frame.start;
      if (0 < count && groupBytesMax < bytes) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  /** Begins a new file. The old one is whole and synced: every group ends with a sync. */
  async #rotate(): Promise<void> {
    const start = this.#durableOffset;
    const created = await this.#env.files.open(`${this.#directory}/${fileName(start)}`, "create");
    const old = this.#handle;
    this.#handle = created;
    this.#starts.push(start);
    try {
      await this.#env.files.syncDirectory(this.#directory);
    } catch (cause) {
      throw new EpsilonError("io_error", "the name of a new log file could not be made durable", { cause });
    }
    await old.close();
  }

  /** The disk is full: the log goes back to where it was, and all that wait learn of it. */
  async #giveBack(group: readonly Waiting[], error: EpsilonError): Promise<void> {
    try {
      await this.#handle.truncate(this.#durableOffset - must(this.#starts.at(-1)));
      // Without this, a crash could bring back frames whose writers were told no.
      await this.#handle.sync();
    } catch (cause) {
      this.#fail(group, cause);
      return;
    }
    this.#rejectAll(group, error);
  }

  #fail(group: readonly Waiting[], cause: unknown): void {
    this.#failure = new EpsilonError(
      "store_failed",
      `the log in ${this.#directory} could not be written durably: check the disk, then restart the process`,
      { details: { directory: this.#directory, durableOffset: this.#durableOffset }, cause },
    );
    const why = cause instanceof EpsilonError ? cause.message : String(cause);
    this.#env.report({ level: "error", event: "log_failed", details: { directory: this.#directory, why } });
    this.#rejectAll(group, this.#failure);
  }

  #rejectAll(group: readonly Waiting[], error: EpsilonError): void {
    const all = [...group, ...this.#queue];
    this.#queue = [];
    this.#endOffset = this.#durableOffset;
    for (const { reject } of all) reject(error);
  }

  async *read(from: number): AsyncGenerator<LogFrame, void, undefined> {
    const end = this.#durableOffset;
    if (from < this.startOffset || end < from)
      throw notHeld(this.#directory, from, this.startOffset, this.#durableOffset);
    const reader = { at: from };
    this.#readers.add(reader);
    try {
      for (let at = from; at < end; ) {
        const start = must(this.#starts.findLast((candidate) => candidate <= at));
        const file = await FrameFile.open(this.#env, this.#directory, start);
        try {
          const next = this.#starts.find((candidate) => at < candidate) ?? end;
          while (at < Math.min(next, end)) {
            const found = await file.frameAt(at);
            if (found.kind === "bad") throw file.damage(at, found.reason);
            yield found.frame;
            at = found.frame.end;
            reader.at = at;
          }
        } finally {
          await file.close();
        }
      }
    } finally {
      this.#readers.delete(reader);
    }
  }

  trim(before: number): Promise<void> {
    const trimmed = this.#trimming.then(async () => {
      if (this.#closed !== undefined) return;
      const until = (): number => {
        const held = [...this.#readers].map((reader) => reader.at);
        return Math.min(before, this.#durableOffset, ...held);
      };
      await removeBefore(this.#env, this.#directory, this.#starts, until);
    });
    // One failed trim must not keep the next from trying.
    this.#trimming = trimmed.catch(() => undefined);
    return trimmed;
  }

  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  async #finish(): Promise<void> {
    await this.#writing;
    await this.#trimming;
    assert(this.#queue.length === 0, "the log closes with nothing waiting");
    try {
      await this.#handle.close();
    } catch (error) {
      // After a failure the handle may be as dead as the disk; that was reported then.
      if (this.#failure === undefined) throw error;
    }
  }
}
