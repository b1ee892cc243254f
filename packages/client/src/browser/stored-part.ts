/**
 * A part of a spool without files: the same source as `SpoolPart`, over a store of chunks. What is appended while a write
 * is under way goes together in the next one, because each costs a sync of the disk.
 */

import type { Env } from "@epsilon/env";
import { assert, type Cursor, type Sha256 } from "@epsilon/model";
import type { ResumePoint, SourceChunk } from "../sources/source.ts";
import { drawStream, reportRestreamed, restreamed, resumePart } from "../spool/part-life.ts";
import { beginning, type Place, placeAfter } from "../spool/place.ts";
import { closed } from "../spool/room.ts";
import type { Part } from "../spool/spool.ts";
import { Waiting } from "../spool/waiting.ts";
import type { ChunkStore, PartRecord, StoredChunk } from "./chunk-store.ts";

export interface StoredPartOptions {
  readonly store: ChunkStore;
  /** `<collection>/<name>`. The caller holds its lock. */
  readonly part: string;
  readonly source: string;
  readonly hash: Sha256;
}

interface Append {
  readonly lines: Uint8Array;
  readonly events: number;
  readonly resolve: (cursor: Cursor) => void;
  readonly reject: (error: unknown) => void;
}

/** One write has about so many bytes at most. */
const writeBytesMax = 4 * 1024 * 1024;
/** Chunks that are read at once. */
const readChunks = 16;
/** What a chunk costs besides its lines. */
const chunkBytes = 100;

/** Opens a part, made if it is not there. Rejects as the store does. */
export async function openStoredPart(env: Env, options: StoredPartOptions): Promise<StoredPart> {
  const { store, part } = options;
  const record = await store.change(part, (known) => known ?? newRecord(env, part));
  const last = await store.lastUpTo(part, Number.MAX_VALUE);
  return new StoredPart(env, options, { record, last });
}

function newRecord(env: Env, part: string): PartRecord {
  return { part, stream: drawStream(env), ...beginning, bytes: 0 };
}

export class StoredPart implements Part {
  readonly isLive = true;
  readonly name: string;
  readonly collection: string;
  readonly #env: Env;
  readonly #options: StoredPartOptions;
  readonly #waiting = new Waiting();
  #record: PartRecord;
  #durable: Place;
  /** All that was ever written, and what waits to be. */
  #bytes: number;
  #pending: Append[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> | undefined;
  #restreaming: Promise<void> | undefined;
  #isClosed = false;

  constructor(
    env: Env,
    options: StoredPartOptions,
    state: { readonly record: PartRecord; readonly last: StoredChunk | undefined },
  ) {
    const { record, last } = state;
    this.name = options.source;
    this.collection = options.part.slice(0, options.part.lastIndexOf("/"));
    this.#env = env;
    this.#options = options;
    this.#record = record;
    this.#durable = last === undefined ? startOf(record) : { position: last.end, check: last.check };
    this.#bytes = last?.bytes ?? record.bytes;
  }

  get stream(): string {
    return this.#record.stream;
  }

  get position(): number {
    return this.#durable.position;
  }

  get sizeBytes(): number {
    return this.#bytes - this.#record.bytes + this.#pendingBytes;
  }

  append(lines: Uint8Array, events: number): Promise<Cursor> {
    assert(events > 0, "a chunk holds events");
    if (this.#isClosed) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      this.#pending.push({ lines, events, resolve, reject });
      this.#pendingBytes += lines.length + chunkBytes;
      this.#writing ??= this.#writeAll();
    });
  }

  async end(): Promise<Cursor | null> {
    return this.#durable.position === 0 ? null : this.#cursorAt(this.#durable);
  }

  async start(): Promise<Cursor> {
    return this.#cursorAt(startOf(this.#record));
  }

  async resume(standing: readonly Cursor[]): Promise<ResumePoint> {
    await this.#restreaming;
    const { store, part } = this.#options;
    return resumePart(
      {
        stream: () => this.stream,
        end: () => this.#durable,
        start: async () => startOf(this.#record),
        checkAt: async (position) => {
          const start = startOf(this.#record);
          if (position === start.position) return start.check;
          const chunk = await store.lastUpTo(part, position);
          return chunk?.end === position ? chunk.check : undefined;
        },
        restream: (foreign) => this.#restream(foreign),
      },
      standing,
    );
  }

  async *read(from: ResumePoint): AsyncGenerator<SourceChunk, void, undefined> {
    const { store, part } = this.#options;
    const stream = this.stream;
    if (from.after !== null && from.after.stream !== stream) throw restreamed(this.name);
    let { after } = from;
    for (;;) {
      const chunks = await store.after(part, after?.position ?? 0, readChunks);
      for (const { end, check, events, lines } of chunks) {
        // What was written a moment ago is durable before its writer, and this part, were told.
        if (this.#durable.position < end) return;
        if (this.stream !== stream) throw restreamed(this.name);
        // Given up since it was said to go on here: whoever reads asks again, and is told of the gap.
        if (end - events !== (after?.position ?? 0)) throw restreamed(this.name);
        const cursor = { stream, position: end, check };
        yield { after, cursor, events, lines };
        after = cursor;
      }
      if (chunks.length < readChunks) return;
    }
  }

  more(after: Cursor | null, signal: AbortSignal): Promise<void> {
    const isThere = (): boolean =>
      this.#isClosed ||
      (after ?? beginning).position < this.#durable.position ||
      (after !== null && after.stream !== this.stream);
    return this.#waiting.until(isThere, signal);
  }

  async trim(position: number): Promise<void> {
    const trimmed = await this.#options.store.trim(this.#options.part, position);
    // The stream is only ever changed here.
    this.#record = { ...trimmed, stream: this.stream };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writing;
    this.#waiting.wake();
  }

  async #writeAll(): Promise<void> {
    while (this.#pending.length > 0) await this.#write(this.#takeGroup());
    this.#writing = undefined;
  }

  #takeGroup(): readonly Append[] {
    let [count, bytes] = [0, 0];
    for (const { lines } of this.#pending) {
      bytes += lines.length;
      count += 1;
      if (writeBytesMax <= bytes) break;
    }
    return this.#pending.splice(0, count);
  }

  async #write(group: readonly Append[]): Promise<void> {
    const { store, part, hash } = this.#options;
    const chunks: StoredChunk[] = [];
    let [place, bytes] = [this.#durable, this.#bytes];
    for (const { lines, events } of group) {
      place = placeAfter(place, events, lines, hash);
      bytes += lines.length + chunkBytes;
      chunks.push({ part, end: place.position, check: place.check, events, bytes, lines });
    }
    const grown = bytes - this.#bytes;
    try {
      await store.add(chunks);
    } catch (error) {
      // None of them is there: the next group follows what came before.
      this.#pendingBytes -= grown;
      for (const { reject } of group) reject(error);
      return;
    }
    this.#durable = place;
    this.#bytes = bytes;
    this.#pendingBytes -= grown;
    for (const [index, { resolve }] of group.entries()) {
      const { end: position, check } = chunks[index] as StoredChunk;
      resolve(this.#cursorAt({ position, check }));
    }
    this.#waiting.wake();
  }

  async #restream(foreign: Cursor): Promise<void> {
    // Several instances may find out at once; one new life is enough.
    this.#restreaming ??= (async () => {
      const old = this.stream;
      const stream = drawStream(this.#env);
      const { store, part } = this.#options;
      await store.change(part, (known) => ({ ...(known ?? this.#record), stream }));
      this.#record = { ...this.#record, stream };
      const { name: source, collection } = this;
      reportRestreamed(this.#env, { source, collection, old, new: stream, foreign });
      this.#waiting.wake();
    })().finally(() => {
      this.#restreaming = undefined;
    });
    await this.#restreaming;
  }

  #cursorAt({ position, check }: Place): Cursor {
    return { stream: this.stream, position, check };
  }
}

function startOf({ position, check }: PartRecord): Place {
  return { position, check };
}
