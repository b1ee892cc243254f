/**
 * A source that is dear to read (its files are parsed), read once for several loops that are near the same place: what
 * was read lately is kept, by the place it follows, and who asks for what is being read waits for that.
 */

import { type Cursor, formatCursor } from "@epsilon/model";
import type { ResumePoint, Source, SourceChunk } from "../sources/source.ts";

/** The source, with up to `bytesMax` of what was read lately kept. It reads the same. */
export function sharedReads(source: Source, bytesMax: number): Source {
  const reads = new SharedReads(source, bytesMax);
  return {
    ...(source.isLive === undefined ? {} : { isLive: source.isLive }),
    name: source.name,
    collection: source.collection,
    resume: (standing) => source.resume(standing),
    read: (from) => reads.read(from),
    end: () => source.end(),
    more: (after, signal) => source.more(after, signal),
  };
}

/** Readers that are parked where somebody left them, at most. Loops are few, and those that are near share one. */
const parkedMax = 8;
/** What a chunk costs besides its lines. */
const chunkBytes = 200;

class SharedReads {
  readonly #source: Source;
  readonly #bytesMax: number;
  /** By the place they follow; the one used longest ago is first. */
  readonly #kept = new Map<string, SourceChunk>();
  #keptBytes = 0;
  /** Readers that stand before a place, whose next chunk nobody asked for yet. */
  readonly #parked = new Map<string, AsyncIterator<SourceChunk>>();
  /** What is being read, by the place it follows; null: there is nothing yet. */
  readonly #reading = new Map<string, Promise<SourceChunk | null>>();
  #readers = 0;

  constructor(source: Source, bytesMax: number) {
    this.#source = source;
    this.#bytesMax = bytesMax;
  }

  async *read(from: ResumePoint): AsyncGenerator<SourceChunk, void, undefined> {
    this.#readers += 1;
    try {
      let at = from;
      for (;;) {
        const chunk = await this.#chunkAfter(at);
        if (chunk === null) return;
        yield chunk;
        at = { after: chunk.cursor, gap: null };
      }
    } finally {
      this.#readers -= 1;
      // Nobody will go on from where the others were left.
      if (this.#readers === 0) this.#park(0);
    }
  }

  async #chunkAfter(at: ResumePoint): Promise<SourceChunk | null> {
    const key = at.after === null ? "" : formatCursor(at.after);
    const kept = this.#kept.get(key);
    if (kept !== undefined && (await this.#isOfThisLife(at.after, kept))) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      return kept;
    }
    const running = this.#reading.get(key);
    if (running !== undefined) return running;
    const reading = this.#readFrom(key, at).finally(() => this.#reading.delete(key));
    this.#reading.set(key, reading);
    return reading;
  }

  /** All lives of a source begin at the same place, so what follows the beginning is kept for one of them only. */
  async #isOfThisLife(after: Cursor | null, kept: SourceChunk): Promise<boolean> {
    return after !== null || (await this.#source.end())?.stream === kept.cursor.stream;
  }

  async #readFrom(key: string, at: ResumePoint): Promise<SourceChunk | null> {
    const chunks = this.#parked.get(key) ?? this.#source.read(at)[Symbol.asyncIterator]();
    this.#parked.delete(key);
    const next = await chunks.next();
    if (next.done === true) return null;
    const chunk = next.value;
    this.#keep(key, chunk);
    const nextKey = formatCursor(chunk.cursor);
    // Another reader may stand there already.
    if (this.#parked.has(nextKey)) letGo(chunks);
    else this.#parked.set(nextKey, chunks);
    this.#park(this.#readers === 0 ? 0 : parkedMax);
    return chunk;
  }

  #keep(key: string, chunk: SourceChunk): void {
    const before = this.#kept.get(key);
    if (before !== undefined) this.#keptBytes -= sizeOf(before);
    this.#kept.delete(key);
    this.#kept.set(key, chunk);
    this.#keptBytes += sizeOf(chunk);
    for (const [oldKey, old] of this.#kept) {
      if (this.#keptBytes <= this.#bytesMax) break;
      this.#kept.delete(oldKey);
      this.#keptBytes -= sizeOf(old);
    }
  }

  /** Lets go of the readers that were parked first, until `count` are left. */
  #park(count: number): void {
    for (const [key, chunks] of this.#parked) {
      if (this.#parked.size <= count) return;
      this.#parked.delete(key);
      letGo(chunks);
    }
  }
}

function sizeOf(chunk: SourceChunk): number {
  return chunk.lines.length + chunkBytes;
}

function letGo(chunks: AsyncIterator<SourceChunk>): void {
  // What it fails with, somebody who needs it would have been told.
  chunks.return?.().catch(() => undefined);
}
