/** One pass through a file, from its beginning: what it says behind a place, chunk after chunk. */

import type { Env } from "@epsilon/env";
import type { Sha256 } from "@epsilon/model";
import type { ImportPlan } from "../files/import-options.ts";
import { delimiterOf, formatOf, hasLine, sniffBytes, splitterOf } from "../files/read-file-events.ts";
import { type FileStretch, RecordReader } from "../files/record-reader.ts";
import type { BadRecord, Split, Splitter } from "../files/records.ts";
import type { Feed } from "./feed.ts";
import { PrefixCheck } from "./prefix-check.ts";

/** A place in a file, between two records. */
export interface FilePlace {
  /** Bytes before it (of the text as UTF-8, unpacked). */
  readonly position: number;
  /** What all bytes before it come to; see PrefixCheck. */
  readonly check: string;
}

export interface FileChunk {
  readonly before: FilePlace;
  /** The same as `before` where only something was found wrong with what stands there. */
  readonly after: FilePlace;
  readonly events: number;
  readonly lines: Uint8Array;
  readonly lineNumbers: readonly number[];
  readonly rejected: readonly BadRecord[];
}

export interface ReadingOptions {
  readonly env: Env;
  readonly plan: ImportPlan;
  /** For messages, and for the format. */
  readonly name: string;
  readonly feed: Feed;
  /** Whether more may come behind the end: then the last line counts once it has ended. */
  readonly isGrowing: () => boolean;
  /** What the check begins with. */
  readonly seed: Uint8Array;
  readonly hash: Sha256;
}

const encoder = new TextEncoder();

interface Parts {
  readonly splitter: Splitter;
  readonly reader: RecordReader;
}

export class Reading {
  readonly #options: ReadingOptions;
  readonly #check: PrefixCheck;
  #place: FilePlace;
  #parts: Parts | undefined;
  /** The first bytes, until they are enough to see the format. */
  #head: Uint8Array = new Uint8Array(0);
  /** How many bytes were read. */
  #readTo = 0;
  #isAtEnd = false;
  #waiting: FileChunk | undefined;

  constructor(options: ReadingOptions) {
    this.#options = options;
    this.#check = new PrefixCheck(options.hash, options.seed);
    this.#place = { position: 0, check: this.#check.at(0) };
  }

  /** Behind what was given last. */
  get place(): FilePlace {
    return this.#place;
  }

  /** How much of the file was read, bytes; more than what is behind `place` where a record has not ended. */
  get readTo(): number {
    return this.#readTo;
  }

  /** The file's first record; undefined if none was read. */
  get first(): Uint8Array | undefined {
    return this.#parts?.reader.first;
  }

  /** Goes on to a position without giving what lies before. Answers its check; null if the file ends before it. */
  async seek(position: number): Promise<string | null> {
    if (position === this.#place.position) return this.#place.check;
    while (!this.#isAtEnd) {
      const split = await this.#split();
      if (split === null) break;
      const check = position <= this.#readTo ? this.#check.at(position) : undefined;
      const stretch = this.#parts?.reader.read(split, position);
      if (check === undefined) continue;
      this.#place = { position, check };
      this.#waiting = this.#chunk(stretch, split.end);
      return check;
    }
    return null;
  }

  /** What follows; null where nothing more is there. A file that grows may be asked again. */
  async next(): Promise<FileChunk | null> {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) return this.#give(waiting);
    while (!this.#isAtEnd) {
      const split = await this.#split();
      if (split === null) return null;
      const chunk = this.#chunk(this.#parts?.reader.read(split, this.#place.position), split.end);
      if (chunk !== undefined) return this.#give(chunk);
    }
    return null;
  }

  close(): Promise<void> {
    return this.#options.feed.close();
  }

  #give(chunk: FileChunk): FileChunk {
    this.#place = chunk.after;
    return chunk;
  }

  #chunk(stretch: FileStretch | undefined, end: number): FileChunk | undefined {
    const before = this.#place;
    const { events, rejected } = stretch ?? { events: [], rejected: [] };
    if (end <= before.position && rejected.length === 0) return undefined;
    if (end <= before.position) return { ...empty, before, after: before, rejected };
    return {
      before,
      after: { position: end, check: this.#check.at(end) },
      events: events.length,
      lines: encoder.encode(events.map(({ json }) => `${json}\n`).join("")),
      lineNumbers: events.map(({ line }) => line),
      rejected,
    };
  }

  /** The next records; null where nothing more is there. */
  async #split(): Promise<Split | null> {
    const { feed, isGrowing } = this.#options;
    const bytes = await feed.read();
    if (bytes !== null) {
      this.#readTo += bytes.length;
      this.#check.add(bytes);
      if (this.#parts !== undefined) return this.#parts.splitter.push(bytes);
      this.#head = joined(this.#head, bytes);
      if (this.#head.length < sniffBytes && !hasLine(this.#head)) return nothing;
      this.#parts = this.#begin();
      return this.#parts.splitter.push(this.#head);
    }
    if (isGrowing()) return null;
    this.#isAtEnd = true;
    if (this.#parts !== undefined) return this.#parts.splitter.end();
    this.#parts = this.#begin();
    const { records, bad } = this.#parts.splitter.push(this.#head);
    const rest = this.#parts.splitter.end();
    return { records: [...copied(records), ...rest.records], bad: [...bad, ...rest.bad], end: rest.end };
  }

  #begin(): Parts {
    const { env, plan, name, hash } = this.#options;
    const format = formatOf(name, this.#head, plan.options.format);
    const delimiter = delimiterOf(name, plan.options);
    const reader = new RecordReader({ env, plan, name, isRereadable: true, format, delimiter, hash });
    return { splitter: splitterOf(format, delimiter), reader };
  }
}

const empty = { events: 0, lines: new Uint8Array(0), lineNumbers: [] };
const nothing: Split = { records: [], bad: [], end: 0 };

/** Records are valid until the next call of their splitter only. */
function copied(records: Split["records"]): Split["records"] {
  return records.map((record) => ({ ...record, bytes: record.bytes.slice() }));
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
