/**
 * A part of a spool: what one process at a time writes, and a source to send from. It is a log whose frames are chunks
 * of named events; a chunk is what one append brought, so it never changes and is never cut again.
 */

import { type Env, publishFile } from "@epsilon/env";
import { type Log, type LogFrame, openLog } from "@epsilon/log";
import { assert, type Cursor, must, type Sha256, sha256, utf8Bytes } from "@epsilon/model";
import type { ResumePoint, SourceChunk } from "../sources/source.ts";
import { formatPartHeader, parsePartHeader } from "./part-frame.ts";
import { drawStream, reportRestreamed, restreamed, resumePart } from "./part-life.ts";
import { beginning, type Place, placeAfter } from "./place.ts";
import type { Part } from "./spool.ts";
import { Waiting } from "./waiting.ts";

export interface PartOptions {
  /** A folder of its own, whose lock the caller holds. Made if it is not there. */
  readonly directory: string;
  /** The source's name, as instances know it. */
  readonly source: string;
  readonly collection: string;
  readonly hash?: Sha256;
  /** A file of the log that has reached this many bytes is followed by a new one: what is trimmed at once. */
  readonly fileBytesMax?: number;
}

/** Loops that go on somewhere, at most: beyond it the place is looked for. */
const readersMax = 32;
const fileBytesMax = 8 * 1024 * 1024;

/** Opens a part. Rejects with `log_damaged`, `data_from_newer_version` and those of the file system. */
export async function openPart(env: Env, options: PartOptions): Promise<SpoolPart> {
  const { directory } = options;
  const log = await openLog(env, {
    directory: `${directory}/log`,
    fileBytesMax: options.fileBytesMax ?? fileBytesMax,
  });
  try {
    const end = await findEnd(log, directory);
    // A log that lost all its frames begins to count anew, which only a new stream may do.
    const isNew = end === undefined && log.startOffset > 0;
    const stream = isNew ? await renewStream(env, directory) : await readStream(env, directory);
    return new SpoolPart(env, options, log, { stream, end: end ?? beginning });
  } catch (error) {
    await log.close();
    throw error;
  }
}

export class SpoolPart implements Part {
  readonly isLive = true;
  readonly name: string;
  readonly collection: string;
  readonly #env: Env;
  readonly #directory: string;
  readonly #log: Log;
  readonly #hash: Sha256;
  /** The first place of each file of the log, as far as somebody asked. */
  readonly #heads = new Map<number, Place>();
  readonly #waiting = new Waiting();
  /** Where readers were last, so that they go on there without looking for it: position to offset. */
  readonly #readTo = new Map<number, { readonly place: Place; readonly offset: number }>();
  #stream: string;
  #durable: Place;
  /** Where the next append follows: ahead of what is durable while appends are under way. */
  #appended: Place;
  #appendedOffset: number;
  #restreaming: Promise<void> | undefined;
  #isClosed = false;

  constructor(
    env: Env,
    options: PartOptions,
    log: Log,
    state: { readonly stream: string; readonly end: Place },
  ) {
    this.name = options.source;
    this.collection = options.collection;
    this.#env = env;
    this.#directory = options.directory;
    this.#hash = options.hash ?? sha256;
    this.#log = log;
    this.#stream = state.stream;
    this.#durable = state.end;
    this.#appended = state.end;
    this.#appendedOffset = log.endOffset;
  }

  /** The part's folder. */
  get directory(): string {
    return this.#directory;
  }

  get stream(): string {
    return this.#stream;
  }

  get position(): number {
    return this.#durable.position;
  }

  get sizeBytes(): number {
    return this.#log.sizeBytes;
  }

  async append(lines: Uint8Array, events: number): Promise<Cursor> {
    assert(events > 0, "a chunk holds events");
    // The log took appends back (the disk was full): what follows them was never there.
    if (this.#log.endOffset !== this.#appendedOffset) this.#appended = this.#durable;
    const before = this.#appended;
    const after = placeAfter(before, events, lines, this.#hash);
    const frame = this.#log.append(formatPartHeader({ before, after }), [lines]);
    this.#appended = after;
    this.#appendedOffset = this.#log.endOffset;
    await frame.durable;
    // Frames settle in the order of the log.
    this.#durable = after;
    this.#waiting.wake();
    return this.#cursorAt(after);
  }

  async end(): Promise<Cursor | null> {
    return this.#durable.position === 0 ? null : this.#cursorAt(this.#durable);
  }

  async start(): Promise<Cursor> {
    return this.#cursorAt(await this.#headOf(this.#log.startOffset));
  }

  async resume(standing: readonly Cursor[]): Promise<ResumePoint> {
    await this.#restreaming;
    return resumePart(
      {
        stream: () => this.#stream,
        end: () => this.#durable,
        start: () => this.#headOf(this.#log.startOffset),
        checkAt: async (position) => {
          const { place } = await this.#locate(position);
          return place.position === position ? place.check : undefined;
        },
        restream: (foreign) => this.#restream(foreign),
      },
      standing,
    );
  }

  async *read(from: ResumePoint): AsyncGenerator<SourceChunk, void, undefined> {
    const stream = this.#stream;
    if (from.after !== null && from.after.stream !== stream) throw restreamed(this.name);
    const place = await this.#locate(from.after?.position ?? 0);
    let { offset } = place;
    let after = from.after;
    while (offset < this.#log.durableOffset)
      for await (const frame of this.#log.read(offset)) {
        offset = frame.end;
        const { before, after: reached } = parsePartHeader(frame, this.#directory);
        // What was appended a moment ago is durable before its writer, and this part, were told.
        if (this.#durable.position < reached.position) return;
        if (this.#stream !== stream) throw restreamed(this.name);
        const cursor = { stream, ...reached };
        this.#remember(reached, offset);
        yield { after, cursor, events: reached.position - before.position, lines: frame.payload };
        after = cursor;
      }
  }

  more(after: Cursor | null, signal: AbortSignal): Promise<void> {
    const isThere = (): boolean =>
      this.#isClosed || (after ?? beginning).position < this.#durable.position || this.#hasOther(after);
    return this.#waiting.until(isThere, signal);
  }

  /** A file of the log at a time. */
  async trim(position: number): Promise<void> {
    const starts = this.#log.fileStarts;
    let keep = must(starts[0]);
    for (const start of starts.slice(1)) {
      const head = start < this.#log.durableOffset ? await this.#headOf(start) : this.#durable;
      if (position < head.position) break;
      keep = start;
    }
    await this.#log.trim(keep);
    for (const start of this.#heads.keys()) if (start < this.#log.startOffset) this.#heads.delete(start);
  }

  async close(): Promise<void> {
    await this.#log.close();
    this.#isClosed = true;
    this.#waiting.wake();
  }

  #cursorAt(place: Place): Cursor {
    return { stream: this.#stream, position: place.position, check: place.check };
  }

  #hasOther(after: Cursor | null): boolean {
    return after !== null && after.stream !== this.#stream;
  }

  /** The place at which the file of the log begins. */
  async #headOf(fileStart: number): Promise<Place> {
    const known = this.#heads.get(fileStart);
    if (known !== undefined) return known;
    for await (const frame of this.#log.read(fileStart)) {
      const { before } = parsePartHeader(frame, this.#directory);
      this.#heads.set(fileStart, before);
      return before;
    }
    return this.#durable;
  }

  /** The last place at or before a position, and where it is in the log; never before what is held. */
  async #locate(position: number): Promise<{ readonly place: Place; readonly offset: number }> {
    const known = this.#readTo.get(position);
    if (known !== undefined && this.#log.startOffset <= known.offset) return known;
    const starts = this.#log.fileStarts;
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((await this.#headOf(must(starts[middle]))).position <= position) low = middle;
      else high = middle - 1;
    }
    let offset = must(starts[low]);
    let place = await this.#headOf(offset);
    for await (const frame of this.#log.read(offset)) {
      const { after } = parsePartHeader(frame, this.#directory);
      if (position < after.position) break;
      place = after;
      offset = frame.end;
    }
    return { place, offset };
  }

  #remember(place: Place, offset: number): void {
    this.#readTo.delete(place.position);
    this.#readTo.set(place.position, { place, offset });
    const [oldest] = this.#readTo.keys();
    if (readersMax < this.#readTo.size && oldest !== undefined) this.#readTo.delete(oldest);
  }

  async #restream(foreign: Cursor): Promise<void> {
    // Several instances may find out at once; one new life is enough.
    this.#restreaming ??= (async () => {
      const old = this.#stream;
      this.#stream = await renewStream(this.#env, this.#directory);
      const { name: source, collection } = this;
      reportRestreamed(this.#env, { source, collection, old, new: this.#stream, foreign });
      this.#waiting.wake();
    })().finally(() => {
      this.#restreaming = undefined;
    });
    await this.#restreaming;
  }
}

/** The place behind the last frame; undefined if there is none. */
async function findEnd(log: Log, directory: string): Promise<Place | undefined> {
  // The last file may be new and empty.
  for (const start of log.fileStarts.toReversed()) {
    let last: LogFrame | undefined;
    for await (const frame of log.read(start)) last = frame;
    if (last !== undefined) return parsePartHeader(last, directory).after;
  }
  return undefined;
}

async function readStream(env: Env, directory: string): Promise<string> {
  const path = `${directory}/stream`;
  if (!(await env.files.exists(path))) return renewStream(env, directory);
  const file = await env.files.open(path, "read");
  try {
    const text = new TextDecoder().decode(await file.read(0, 100)).trim();
    if (/^[A-Za-z0-9_-]{1,64}$/.test(text)) return text;
  } finally {
    await file.close();
  }
  return renewStream(env, directory);
}

async function renewStream(env: Env, directory: string): Promise<string> {
  const stream = drawStream(env);
  await publishFile(env.files, `${directory}/stream`, utf8Bytes(`${stream}\n`));
  return stream;
}
