/**
 * One life of a file: a content that only grows, under a stream of its own. Where a path leads to another content (it
 * was rotated, cut, written anew), another life begins.
 *
 * The stream's name follows from the first record and from how the file is read, so that the same file is recognised
 * after a restart, from any machine. Where an instance stands in a stream of that name whose check does not agree
 * (another content began alike), the next name of the same row is taken.
 */

import type { Env } from "@epsilon/env";
import { bytesToBase64Url, type Cursor, EpsilonError, must, type Sha256, utf8Bytes } from "@epsilon/model";
import type { ImportPlan } from "../files/import-options.ts";
import type { BadRecord } from "../files/records.ts";
import type { Feed } from "./feed.ts";
import { type FileChunk, type FilePlace, Reading } from "./reading.ts";
import type { SourceChunk } from "./source.ts";

export interface LifeOptions {
  readonly plan: ImportPlan;
  /** The file's name, for messages and for the format. */
  readonly path: string;
  /** The source's, as instances know it. */
  readonly source: string;
  /** Whether more may come behind its end. */
  readonly isGrowing: () => boolean;
  /** The bytes, from the beginning. */
  readonly open: () => Promise<Feed> | Feed;
  readonly hash: Sha256;
  /** Told once of each record that is no event. */
  readonly onRejected?: ((rejected: BadRecord) => void) | undefined;
}

/** Readings that stand where their readers left them, at most. */
const parkedMax = 4;
/** Places that were found to be the file's own. */
const knownMax = 64;

export class FileLife {
  readonly #env: Env;
  readonly #options: LifeOptions;
  readonly #seed: Uint8Array;
  readonly #parked = new Map<number, Reading>();
  readonly #known = new Map<number, string>();
  #base: string | undefined;
  #generation = 0;
  #finding: Promise<void> | undefined;
  /** The furthest place that was read to. */
  #furthest: FilePlace = { position: 0, check: "" };
  #bytesRead = 0;
  #toldTo = 0;
  #hasToldEnd = false;
  #isWhole = false;
  readonly #ended: Promise<void>;
  #end: () => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;

  constructor(env: Env, options: LifeOptions) {
    this.#env = env;
    this.#options = options;
    this.#seed = seedOf(options);
    this.#ended = new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
    });
    // Whoever reads is told as well.
    this.#ended.catch(() => undefined);
  }

  /** The stream of its cursors; undefined while the file has no record. */
  get stream(): string | undefined {
    if (this.#base === undefined) return undefined;
    return this.#generation === 0 ? this.#base : `${this.#base}-${this.#generation}`;
  }

  /** The stream's name before it was counted. */
  get base(): string | undefined {
    return this.#base;
  }

  /** Which of the streams of this name it is; another content that begins alike must have another. */
  get generation(): number {
    return this.#generation;
  }

  /** Which of the streams of this name it is from now on. */
  set generation(generation: number) {
    this.#generation = generation;
  }

  /** Behind the last record that was read; null before there is one. */
  get end(): Cursor | null {
    const { stream } = this;
    return stream === undefined || this.#furthest.position === 0 ? null : { stream, ...this.#furthest };
  }

  /** How much was read of the file, again and again, bytes. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Whether it was read to an end that is for good. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Settles when it was read to an end that is for good. Rejects when it cannot be read, or is no file of events. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Looks for the first record. Rejects with what reading the file rejects with. */
  async find(): Promise<string | undefined> {
    if (this.#base !== undefined) return this.stream;
    this.#finding ??= this.#findFirst().finally(() => {
      this.#finding = undefined;
    });
    await this.#finding;
    return this.stream;
  }

  /** Whether a cursor is a place of this content. */
  async has({ position, check }: Cursor): Promise<boolean> {
    const known = this.#known.get(position);
    if (known !== undefined) return known === check;
    const reading = await this.#open();
    const found = await this.#seek(reading, position);
    if (found === null) {
      await reading.close();
      return false;
    }
    this.#know({ position, check: found });
    await this.#park(reading);
    return found === check;
  }

  /** The chunks after a cursor of this life, or all of them, up to where the file ends now. */
  async *read(after: Cursor | null): AsyncGenerator<SourceChunk, void, undefined> {
    const stream = after?.stream ?? (await this.find());
    if (stream === undefined) return;
    const reading = await this.#readingAt(after);
    let from = after;
    let isSound = false;
    try {
      for (;;) {
        isSound = false;
        if (this.stream !== stream) throw this.#isOther();
        const chunk = await this.#next(reading);
        isSound = true;
        if (chunk === null) break;
        this.#note(chunk);
        if (chunk.after.position === chunk.before.position) continue;
        const follows = from;
        from = { stream, ...chunk.after };
        const { events, lines, lineNumbers } = chunk;
        yield { after: follows, cursor: from, events, lines, lineNumbers };
      }
      // Where it went on from may be the end.
      if (this.#furthest.position < reading.place.position) this.#furthest = reading.place;
      if (!this.#options.isGrowing()) this.#finish();
    } finally {
      // Its reader may come back for what follows.
      if (isSound) await this.#park(reading);
      else await reading.close();
    }
  }

  async close(): Promise<void> {
    const parked = [...this.#parked.values()];
    this.#parked.clear();
    await Promise.all(parked.map((reading) => reading.close()));
  }

  async #findFirst(): Promise<void> {
    const reading = await this.#open();
    try {
      while (reading.first === undefined) if ((await this.#next(reading)) === null) break;
      const { first } = reading;
      if (first === undefined && !this.#options.isGrowing()) this.#finish();
      if (first !== undefined) this.#base = this.#nameOf(first);
    } finally {
      await reading.close();
    }
  }

  #nameOf(first: Uint8Array): string {
    const bytes = new Uint8Array(this.#seed.length + first.length);
    bytes.set(this.#seed);
    bytes.set(first, this.#seed.length);
    return bytesToBase64Url(this.#options.hash(bytes).subarray(0, 12));
  }

  async #readingAt(after: Cursor | null): Promise<Reading> {
    const position = after?.position ?? 0;
    const parked = this.#parked.get(position);
    if (parked !== undefined && (after === null || parked.place.check === after.check)) {
      this.#parked.delete(position);
      return parked;
    }
    const reading = await this.#open();
    if (after === null || (await this.#seek(reading, position)) === after.check) return reading;
    await reading.close();
    throw this.#isOther();
  }

  async #seek(reading: Reading, position: number): Promise<string | null> {
    try {
      return await reading.seek(position);
    } catch (error) {
      this.#fail(error);
      await reading.close();
      throw error;
    } finally {
      this.#bytesRead += reading.readTo;
    }
  }

  async #next(reading: Reading): Promise<FileChunk | null> {
    const before = reading.readTo;
    try {
      return await reading.next();
    } catch (error) {
      this.#fail(error);
      throw error;
    } finally {
      this.#bytesRead += reading.readTo - before;
    }
  }

  async #open(): Promise<Reading> {
    const { plan, path, isGrowing, hash, open } = this.#options;
    const feed = await Promise.resolve(open()).catch((error: unknown) => {
      this.#fail(error);
      throw error;
    });
    return new Reading({ env: this.#env, plan, name: path, feed, isGrowing, seed: this.#seed, hash });
  }

  /** Several may have stood at one place; one is enough. */
  async #park(reading: Reading): Promise<void> {
    const { position } = reading.place;
    const before = this.#parked.get(position);
    this.#parked.delete(position);
    this.#parked.set(position, reading);
    if (before !== undefined && before !== reading) await before.close();
    const [oldest] = this.#parked.keys();
    if (this.#parked.size <= parkedMax || oldest === undefined) return;
    const dropped = must(this.#parked.get(oldest));
    this.#parked.delete(oldest);
    await dropped.close();
  }

  #note({ before, after, rejected }: FileChunk): void {
    this.#know(after);
    if (this.#furthest.position < after.position) this.#furthest = after;
    if (before.position === after.position) {
      if (!this.#hasToldEnd) for (const bad of rejected) this.#options.onRejected?.(bad);
      this.#hasToldEnd = true;
    }
    if (after.position <= this.#toldTo) return;
    // A chunk that begins before may tell again of a record that it has in common with one that was told.
    if (this.#toldTo <= before.position) for (const bad of rejected) this.#options.onRejected?.(bad);
    this.#toldTo = after.position;
  }

  #know({ position, check }: FilePlace): void {
    this.#known.delete(position);
    this.#known.set(position, check);
    const [oldest] = this.#known.keys();
    if (knownMax < this.#known.size && oldest !== undefined) this.#known.delete(oldest);
  }

  #finish(): void {
    this.#isWhole = true;
    this.#end();
  }

  #isOther(): EpsilonError {
    const { source, path } = this.#options;
    return new EpsilonError(
      "cursor_mismatch",
      `${source} began a new stream, or ${path} changed where it was read: ask the instance for its cursor again`,
    );
  }
}

/** What else than the first record the events follow from: read otherwise, a file is another source of events. */
function seedOf({ plan, source }: LifeOptions): Uint8Array {
  const { ts, tsFormat, timezone, decimal, delimiter, encoding, text, key, rev, set } = plan.options;
  const how = [ts, tsFormat, timezone, decimal, delimiter, encoding, text, key, rev, set];
  return utf8Bytes(
    `epsilon file 1\n${JSON.stringify([source, plan.options.source, ...how].map((one) => one ?? null))}\n`,
  );
}
