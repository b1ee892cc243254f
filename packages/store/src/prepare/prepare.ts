/**
 * prepare: the body of a write becomes load lines. Each event is parsed once, checked, named, brought to canonical
 * form and versioned; a bad one is rejected alone. A function of its input and nothing else (docs/formats/load-line.md).
 */

import { isUtf8 } from "node:buffer";
import { hash } from "node:crypto";
import {
  EpsilonError,
  type Event,
  eventOf,
  JsonObject,
  limits,
  type Naming,
  parseStrictJson,
  randomUuid,
} from "@epsilon/model";
import type { Rejection } from "../event-store.ts";
import { lineEnd, nextLine, skipSpace, valueEnd } from "./extent.ts";
import { FastPath } from "./fast-path.ts";
import { LineWriter } from "./line-writer.ts";
import { ShapeTree } from "./shapes.ts";

export interface PrepareOptions {
  /** Time of arrival. */
  readonly nowMicros: bigint;
  readonly random: (count: number) => Uint8Array;
  /** `_rev` and `_deleted` are refused. */
  readonly appendOnly: boolean;
  /** Every event must carry `_ts` and `_id`. */
  readonly named: boolean;
  /** Keys at or below it are refused. */
  readonly horizonMicros: bigint | null;
  /** `idHashes` is wanted. */
  readonly hashesIds: boolean;
}

/** A body as load lines. */
export interface Prepared {
  /** Events in the body, good and bad. */
  readonly received: number;
  /** Lines. */
  readonly accepted: number;
  readonly rejected: readonly Rejection[];
  readonly lines: Uint8Array;
  /** Which event of the body each line is; null if none was rejected. */
  readonly indexes: Uint32Array | null;
  /** The least and the greatest `_ts` of the lines; 0n without any. */
  readonly tsMin: bigint;
  readonly tsMax: bigint;
  /** Field name to the bit mask of its types: 1 text, 2 number, 4 boolean. */
  readonly fields: ReadonlyMap<string, number>;
  readonly tombstones: number;
  /** A number for each line's id, see key-hash.ts; null if not wanted. */
  readonly idHashes: Float64Array | null;
}

/** Others are served after so much input. */
const sliceBytes = 2 * 1024 * 1024;
/**
 * What is broken is looked at more than once: to the end that its brackets seem to have, and again from its next line
 * on. After so much of that, nothing is looked for beyond its own line, or a body of broken lines would take for ever.
 */
const readAgainBytes = 64 * 1024 * 1024;

/** Known to every request: shapes hold nothing of the events themselves. */
const shapes = new ShapeTree();

const encodings = [
  { name: "gzip", magic: Buffer.from([0x1f, 0x8b]) },
  { name: "zstd", magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) },
] as const;

const bracket = 0x5b;
const brace = 0x7b;

/**
 * Prepares a whole body. Throws, for the body as a whole: `bad_json` (nothing in it is JSON, or an array that is
 * broken), `too_many_events`, `forbidden_field`.
 */
export function prepare(body: Uint8Array, options: PrepareOptions): Prepared {
  const slices = prepareInSlices(body, options);
  for (;;) {
    const step = slices.next();
    if (step.done === true) return step.value;
  }
}

/** The same, stopping every few milliseconds of work so that the caller can let others run. */
export function* prepareInSlices(body: Uint8Array, options: PrepareOptions): Generator<void, Prepared> {
  const preparation = new Preparation(body, options);
  let until = sliceBytes;
  while (preparation.next()) {
    if (preparation.bytesRead < until) continue;
    until = preparation.bytesRead + sliceBytes;
    yield;
  }
  return preparation.result();
}

class Preparation {
  at: number;
  readonly #body: Buffer;
  readonly #options: PrepareOptions;
  readonly #isArray: boolean;
  readonly #writer: LineWriter;
  readonly #fast: FastPath | null;
  readonly #naming: Naming;
  readonly #ordinals = new Map<string, number>();
  readonly #rejected: Rejection[] = [];
  readonly #fields = new Map<string, number>();
  readonly #indexes: number[] = [];
  #received = 0;
  #accepted = 0;
  /** Rejected because they are no JSON, or JSON but no object; the first message of the former. */
  #unreadable = 0;
  #noObjects = 0;
  #unreadableMessage: string | null = null;
  #bytesReadAgain = 0;
  #lineEnd = 0;
  #tombstones = 0;
  #tsMin: bigint | null = null;
  #tsMax: bigint | null = null;

  constructor(body: Uint8Array, options: PrepareOptions) {
    this.#body = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    this.#options = options;
    const hasMark = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
    const first = skipSpace(body, hasMark ? 3 : 0);
    this.#isArray = body[first] === bracket;
    this.at = this.#isArray ? skipSpace(body, first + 1) : first;
    refuseEncoded(this.#body);
    if (this.#isArray && this.at >= body.length) throw this.#brokenArray("the text ends");
    if (this.#isArray && body[this.at] === 0x5d) this.at = this.#endOfArray(this.at);
    this.#writer = new LineWriter(body.length + (body.length >> 3) + 1024, options);
    const random = options.random;
    const ordinal = (firstId: string): number => {
      const count = this.#ordinals.get(firstId) ?? 0;
      this.#ordinals.set(firstId, count + 1);
      return count;
    };
    const { nowMicros, named, appendOnly, horizonMicros } = options;
    const sha256 = (bytes: Uint8Array): Uint8Array => hash("sha256", bytes, "buffer");
    this.#naming = { nowMicros, random, named, appendOnly, ordinal, sha256 };
    // One look at all bytes instead of one at each text; a body that is not UTF-8 is for the careful path.
    this.#fast = isUtf8(body)
      ? new FastPath(this.#body, {
          writer: this.#writer,
          tree: shapes,
          naming: {
            nowMicros: Number(nowMicros),
            uuid: () => randomUuid(random(16)),
            named,
            ordinal,
            horizonMicros: horizonMicros === null ? Number.NEGATIVE_INFINITY : Number(horizonMicros),
          },
        })
      : null;
  }

  /** How much was read, counting again what was read again. */
  get bytesRead(): number {
    return this.at + this.#bytesReadAgain;
  }

  /** Does one event; false at the end of the body. */
  next(): boolean {
    const body = this.#body;
    const start = this.at;
    if (start >= body.length) return false;
    if (this.#received >= limits.batchEventsMax) {
      throw new EpsilonError(
        "too_many_events",
        `more than ${limits.batchEventsMax} events in one request; send several`,
      );
    }
    const end = this.#fast !== null && body[start] === brace ? this.#fast.take(start) : -1;
    if (end >= 0) {
      this.#accept();
      this.at = end;
    } else {
      this.#careful(start);
    }
    this.#received += 1;
    this.at = skipSpace(body, this.at);
    if (this.#isArray) this.#afterElement();
    return true;
  }

  result(): Prepared {
    if (this.#unreadableMessage !== null && this.#unreadable + this.#noObjects === this.#received) {
      throw new EpsilonError("bad_json", `${this.#unreadableMessage}; nothing was stored`);
    }
    this.#fast?.addFieldsTo(this.#fields);
    const fast = this.#fast;
    if (fast !== null && fast.tsMin <= fast.tsMax) {
      this.#noteTime(BigInt(fast.tsMin));
      this.#noteTime(BigInt(fast.tsMax));
    }
    return {
      received: this.#received,
      accepted: this.#accepted,
      rejected: this.#rejected,
      lines: this.#writer.lines(),
      indexes: this.#rejected.length === 0 ? null : Uint32Array.from(this.#indexes),
      tsMin: this.#tsMin ?? 0n,
      tsMax: this.#tsMax ?? 0n,
      fields: this.#fields,
      tombstones: this.#tombstones,
      idHashes: this.#writer.idHashes(),
    };
  }

  #accept(): void {
    this.#accepted += 1;
    this.#indexes.push(this.#received);
  }

  /** The careful path: finds the event's end, then does it; sets `at`. */
  #careful(start: number): void {
    const body = this.#body;
    const limit = this.#readLimit(start);
    const found = valueEnd(body, start, limit);
    const isWhole = found >= 0;
    const end = isWhole ? found : Math.min(limit, -found);
    this.at = end;
    const before = this.#writer.at;
    try {
      if (isWhole && end - start > limits.eventBytesMax) throw tooLarge(end - start);
      this.#write(this.#eventAt(start, Math.min(end, start + limits.eventBytesMax)));
      this.#accept();
    } catch (error) {
      if (!(error instanceof EpsilonError) || error.code === "forbidden_field") throw error;
      this.#writer.at = before;
      const isSyntax = error.code === "bad_json";
      if (isSyntax && this.#isArray) throw this.#brokenArray(error.message);
      if (isSyntax || !isWhole) {
        // What is broken may have swallowed its neighbours: the next line that begins an event is one again.
        this.at = nextLine(body, start, isWhole ? end : body.length);
        this.#bytesReadAgain += Math.max(0, end - this.at);
      }
      this.#noteRejection(error, body[start] === brace);
    }
  }

  /** How far the value at `start` may reach. */
  #readLimit(start: number): number {
    if (this.#bytesReadAgain < readAgainBytes) return this.#body.length;
    if (this.#lineEnd <= start) this.#lineEnd = lineEnd(this.#body, start);
    return this.#lineEnd;
  }

  #noteRejection({ code, message }: EpsilonError, isObject: boolean): void {
    if (code === "bad_json" || (code === "bad_utf8" && !isObject)) {
      this.#unreadable += 1;
      this.#unreadableMessage ??= message;
    } else if (code === "not_an_object") {
      this.#noObjects += 1;
    }
    this.#rejected.push({ index: this.#received, code, message });
  }

  #eventAt(start: number, end: number): Event {
    const slice = this.#body.subarray(start, end);
    if (this.#fast === null && !isUtf8(slice)) {
      throw new EpsilonError("bad_utf8", "bytes that are not UTF-8; convert the text, or name its encoding");
    }
    const node = parseStrictJson(slice.toString("utf8"));
    if (!(node instanceof JsonObject)) {
      throw new EpsilonError(
        "not_an_object",
        `an event is a JSON object, not ${slice.toString("utf8", 0, 50)}`,
      );
    }
    const event = eventOf(node, this.#naming);
    const { horizonMicros } = this.#options;
    if (horizonMicros !== null && event.tsMicros <= horizonMicros) {
      throw new EpsilonError(
        "purged",
        "it is older than what this collection keeps: at or below its horizon",
      );
    }
    return event;
  }

  #write(event: Event): void {
    this.#writer.event(event);
    this.#noteTime(event.tsMicros);
    if (event.deleted) this.#tombstones += 1;
    for (const [name, value] of event.fields) {
      const bit = typeof value === "string" ? 1 : typeof value === "number" ? 2 : 4;
      this.#fields.set(name, (this.#fields.get(name) ?? 0) | bit);
    }
  }

  #noteTime(tsMicros: bigint): void {
    if (this.#tsMin === null || tsMicros < this.#tsMin) this.#tsMin = tsMicros;
    if (this.#tsMax === null || tsMicros > this.#tsMax) this.#tsMax = tsMicros;
  }

  /** In an array a comma or the end follows. */
  #afterElement(): void {
    const byte = this.#body[this.at];
    if (byte === 0x2c) {
      this.at = skipSpace(this.#body, this.at + 1);
      if (this.at < this.#body.length && this.#body[this.at] !== 0x5d) return;
    } else if (byte === 0x5d) {
      this.at = this.#endOfArray(this.at);
      return;
    }
    throw this.#brokenArray('expected "," and an event, or "]"');
  }

  #endOfArray(at: number): number {
    const end = skipSpace(this.#body, at + 1);
    if (end < this.#body.length) throw this.#brokenArray("something follows the array");
    return end;
  }

  #brokenArray(why: string): EpsilonError {
    return new EpsilonError(
      "bad_json",
      `the array is broken at event ${this.#received}, byte ${this.at}: ${why}; nothing was stored`,
    );
  }
}

/** The usual mistake: an encoded body whose encoding nobody names. */
function refuseEncoded(body: Buffer): void {
  const found = encodings.find(({ magic }) => body.subarray(0, magic.length).equals(magic));
  if (found === undefined) return;
  throw new EpsilonError(
    "bad_json",
    `the body is ${found.name}, and nothing says so: send Content-Encoding: ${found.name}; nothing was stored`,
  );
}

function tooLarge(sizeBytes: number): EpsilonError {
  return new EpsilonError(
    "event_too_large",
    `an event of ${sizeBytes} bytes; at most ${limits.eventBytesMax}: keep large content elsewhere, and its address here`,
  );
}
