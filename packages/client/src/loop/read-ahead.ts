/** Reading a source ahead of what is sent, by a bounded amount: the next batch is there when an answer comes. */

import type { Cursor, Gap } from "@epsilon/model";
import type { ResumePoint, Source, SourceChunk } from "../sources/source.ts";
import { type Batch, batchOf, gapAlone, isSamePlace } from "./batch.ts";
import type { BatchSize } from "./pace.ts";

export class ReadAhead {
  readonly #source: Source;
  /** What was read and not yet sent for good, oldest first. */
  #buffer: SourceChunk[] = [];
  #bufferedEvents = 0;
  #bufferedBytes = 0;
  #wanted: BatchSize = { eventsMax: 0, bytesMax: 0 };
  /** Behind the last chunk of the buffer. */
  #readTo: ResumePoint;
  /** Behind the last chunk that was sent for good. */
  #sentTo: Cursor | null;
  #gap: Gap | null;
  #chunks: AsyncIterator<SourceChunk> | undefined;
  #filling: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isClosed = false;

  constructor(source: Source, from: ResumePoint) {
    this.#source = source;
    this.#readTo = from;
    this.#sentTo = from.after;
    this.#gap = from.gap;
  }

  /** What the next batch follows. */
  get after(): Cursor | null {
    return this.#sentTo;
  }

  /** Whether the next batch brings a gap. */
  get hasGap(): boolean {
    return this.#gap !== null;
  }

  /** The next batch, at least a chunk of it; null at the end of the source. It stays in front until `sent`. */
  async take(size: BatchSize): Promise<Batch | null> {
    await this.#fill(size);
    const chunks: SourceChunk[] = [];
    let [events, bytes] = [0, 0];
    for (const chunk of this.#buffer) {
      events += chunk.events;
      bytes += chunk.lines.length;
      const last = chunks.at(-1);
      if (last !== undefined) {
        const isFull = events > size.eventsMax || bytes > size.bytesMax;
        if (isFull || !isSamePlace(last.cursor, chunk.after)) break;
      }
      chunks.push(chunk);
    }
    // A gap belongs to the stream that it is in: where the next chunk begins another, it goes alone.
    const isBeforeOther = this.#gap !== null && !isSamePlace(chunks[0]?.after ?? null, this.#sentTo);
    if (chunks.length > 0 && !isBeforeOther) return batchOf(chunks, this.#gap);
    if (this.#failure !== undefined) {
      const { error } = this.#failure;
      this.#failure = undefined;
      throw error;
    }
    return this.#gap === null || this.#sentTo === null ? null : gapAlone(this.#sentTo, this.#gap);
  }

  /** Reads on while a batch is under way, so that another of this size is there behind it. */
  readOn(batch: Batch, size: BatchSize): void {
    void this.#fill({
      eventsMax: batch.events + size.eventsMax,
      bytesMax: batch.bytes + size.bytesMax,
    });
  }

  /** What was taken is stored, up to this cursor. */
  sent(cursor: Cursor): void {
    while (this.#buffer[0] !== undefined) {
      const { stream, position } = this.#buffer[0].cursor;
      if (stream === cursor.stream && position > cursor.position) break;
      const { events, lines } = this.#buffer[0];
      this.#buffer.shift();
      this.#bufferedEvents -= events;
      this.#bufferedBytes -= lines.length;
      if (stream === cursor.stream && position === cursor.position) break;
    }
    this.#sentTo = cursor;
    this.#gap = null;
  }

  close(): void {
    this.#isClosed = true;
    this.#end();
  }

  /** Never rejects: what fails is for `take` to say, when all before it is taken. */
  #fill(wanted: BatchSize): Promise<void> {
    this.#wanted = wanted;
    if (this.#failure !== undefined) return Promise.resolve();
    this.#filling ??= this.#read()
      .catch((error: unknown) => {
        this.#failure = { error };
        this.#end();
      })
      .finally(() => {
        this.#filling = undefined;
      });
    return this.#filling;
  }

  async #read(): Promise<void> {
    while (!this.#isClosed && this.#bufferedEvents < this.#wanted.eventsMax) {
      if (this.#wanted.bytesMax <= this.#bufferedBytes) return;
      this.#chunks ??= this.#source.read(this.#readTo)[Symbol.asyncIterator]();
      const next = await this.#chunks.next();
      if (next.done === true) {
        this.#chunks = undefined;
        return;
      }
      this.#buffer.push(next.value);
      this.#bufferedEvents += next.value.events;
      this.#bufferedBytes += next.value.lines.length;
      this.#readTo = { after: next.value.cursor, gap: null };
    }
  }

  /** Lets go of what the source has open. */
  #end(): void {
    // It may hang in what it waits for; nobody waits for it.
    this.#chunks?.return?.().catch(() => undefined);
    this.#chunks = undefined;
  }
}
