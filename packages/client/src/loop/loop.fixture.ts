/** What the tests of the loop need: a source in memory, and an instance as a function over the simulated network. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { NetworkRequest, NetworkResponse } from "@epsilon/env";
import { noAnswer, type SimEnv } from "@epsilon/env/testing";
import {
  type Cursor,
  EpsilonError,
  formatCursor,
  type Gap,
  must,
  parseCursor,
  parseGap,
} from "@epsilon/model";
import type { ResumePoint, Source, SourceChunk } from "../sources/source.ts";
import { isSamePlace } from "./batch.ts";

/** A named event as a line. */
export function lineOf(n: number): string {
  const id = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  return `{"_ts":${1_767_225_600_000 + n},"_id":"${id}","n":${n}}`;
}

/** A source in memory; positions count events. */
export class ArraySource implements Source {
  readonly isLive = true;
  readonly name = "test/source";
  readonly collection = "views";
  #stream = "life0";
  #lives = 0;
  #held: { after: Cursor | null; cursor: Cursor; events: number; lines: Uint8Array }[] = [];
  #waiting = new Set<() => void>();
  #next = 0;
  /** How many chunks were read, by the place they follow. */
  readonly reads = new Map<string, number>();
  /** Open iterators of `read`. */
  open = 0;
  failNextRead: EpsilonError | undefined;

  /** A chunk of new events. Answers the cursor behind it. */
  append(events: number, makeLine = lineOf): Cursor {
    const numbers = Array.from({ length: events }, (_, i) => this.#next + i);
    this.#next += events;
    return this.#push(numbers.map((n) => `${makeLine(n)}\n`).join(""), events);
  }

  /** How many events there ever were. */
  get total(): number {
    return this.#next;
  }

  /** Gives up the oldest chunks. */
  trim(chunks: number): void {
    this.#held.splice(0, chunks);
  }

  /** A new life with all that is held. */
  renew(): void {
    this.#lives += 1;
    this.#stream = `life${this.#lives}`;
    const rename = (cursor: Cursor | null) => (cursor === null ? null : { ...cursor, stream: this.#stream });
    this.#held = this.#held.map((chunk) => ({
      ...chunk,
      after: rename(chunk.after),
      cursor: must(rename(chunk.cursor)),
    }));
    this.#wake();
  }

  /** The last chunks are lost, as with a restored disk; what is appended then is other than it was. */
  loseTail(chunks: number): void {
    this.#held.splice(this.#held.length - chunks);
  }

  async resume(standing: readonly Cursor[]): Promise<ResumePoint> {
    await Promise.resolve();
    const start = this.#held[0]?.after ?? null;
    const mine = standing.find(({ stream }) => stream === this.#stream);
    if (mine !== undefined) {
      const isHere = this.#held.some((c) => isSamePlace(c.after, mine) || isSamePlace(c.cursor, mine));
      if (isHere) return { after: mine, gap: null };
      if (start !== null && mine.position < start.position)
        return { after: start, gap: { from: mine.position, to: start.position, reason: "trimmed" } };
      this.renew();
    }
    const first = this.#held[0]?.after ?? null;
    return {
      after: first,
      gap: first === null ? null : { from: null, to: first.position, reason: "trimmed" },
    };
  }

  read(from: ResumePoint): AsyncIterable<SourceChunk> {
    return this.#read(from);
  }

  async *#read(from: ResumePoint): AsyncGenerator<SourceChunk, void, undefined> {
    this.open += 1;
    const stream = this.#stream;
    try {
      let after = from.after;
      for (;;) {
        await Promise.resolve();
        if (this.failNextRead !== undefined) {
          const error = this.failNextRead;
          this.failNextRead = undefined;
          throw error;
        }
        if (this.#stream !== stream || (from.after !== null && from.after.stream !== stream))
          throw new EpsilonError("cursor_mismatch", "the source began a new stream");
        const chunk = this.#held.find((one) => isSamePlace(one.after, after));
        if (chunk === undefined) return;
        const key = after === null ? "null" : formatCursor(after);
        this.reads.set(key, (this.reads.get(key) ?? 0) + 1);
        yield chunk;
        after = chunk.cursor;
      }
    } finally {
      this.open -= 1;
    }
  }

  async end(): Promise<Cursor | null> {
    return this.#held.at(-1)?.cursor ?? null;
  }

  more(after: Cursor | null, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#waiting.delete(look);
        reject(signal.reason);
      };
      const look = () => {
        if (isSamePlace(this.#held.at(-1)?.cursor ?? null, after)) return;
        this.#waiting.delete(look);
        signal.removeEventListener("abort", stop);
        resolve();
      };
      signal.throwIfAborted();
      signal.addEventListener("abort", stop, { once: true });
      this.#waiting.add(look);
      look();
    });
  }

  #push(text: string, events: number): Cursor {
    const after = this.#held.at(-1)?.cursor ?? null;
    const check = createHash("sha256")
      .update(`${after?.check ?? ""}${text}`)
      .digest("base64url")
      .slice(0, 12);
    const cursor = { stream: this.#stream, position: (after?.position ?? 0) + events, check };
    this.#held.push({ after, cursor, events, lines: new TextEncoder().encode(text) });
    this.#wake();
    return cursor;
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }
}

interface StandingStream {
  readonly cursor: string;
  readonly gaps: readonly Gap[];
}

/** What an instance is when it is copied and set back to. */
export interface Checkpoint {
  readonly lines: readonly string[];
  readonly streams: ReadonlyMap<string, StandingStream>;
}

/** What happens to one request. */
export type Fate =
  | { readonly kind: "refuse"; readonly status: number; readonly code: string; readonly retryAfter?: number }
  | { readonly kind: "lose" }
  /** The answer never comes; the request is carried out after this many milliseconds. */
  | { readonly kind: "hang"; readonly ms: number };

const counts = {
  received: 0,
  stored: null,
  duplicates: null,
  rejected: [],
  conflicts: [],
  snapshotted: null,
};

/** An instance that keeps cursors by compare-and-set. */
export class FakeInstance {
  readonly origin: string;
  readonly #env: SimEnv;
  readonly #id: string;
  #incarnation = 1;
  #lines: string[] = [];
  #streams = new Map<string, StandingStream>();
  #writing = 0;
  /** What happens to the next requests, in order; then they are answered. */
  fates: Fate[] = [];
  /** What happens to a request for as long as it says so. */
  fate: ((request: NetworkRequest) => Fate | undefined) | undefined;
  answerMs: (bytes: number) => number = () => 1;
  bytesMax = Number.POSITIVE_INFINITY;
  eventsMax = Number.POSITIVE_INFINITY;
  rejects: (line: string) => boolean = () => false;
  /** A line that spoils the whole request. */
  spoils: (line: string) => boolean = () => false;
  snapshotted: string | null = null;
  /** The requests, as `GET` or `POST after>cursor`. */
  readonly seen: string[] = [];
  bodies: number[] = [];

  /** The source that writes to it: the first that did. */
  #source = "";

  constructor(env: SimEnv, name: string) {
    this.#env = env;
    this.#id = name;
    this.origin = `http://${name}:4320`;
    env.network.serve(this.origin, (request) => this.#handle(request));
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  get incarnation(): string {
    return `run${this.#incarnation}`;
  }

  cursor(stream: string): string | null {
    return this.#streams.get(stream)?.cursor ?? null;
  }

  gaps(stream: string): readonly Gap[] {
    return this.#streams.get(stream)?.gaps ?? [];
  }

  checkpoint(): Checkpoint {
    return { lines: [...this.#lines], streams: new Map(this.#streams) };
  }

  /** Starts anew, from a copy if there is one. */
  restart(from?: Checkpoint): void {
    this.#incarnation += 1;
    if (from === undefined) return;
    this.#lines = [...from.lines];
    this.#streams = new Map(from.streams);
  }

  async #handle(request: NetworkRequest): Promise<NetworkResponse> {
    const isWrite = request.method === "POST";
    const { headers, signal } = request;
    this.seen.push(
      isWrite ? `POST ${headers["epsilon-after"] ?? "-"}>${headers["epsilon-cursor"] ?? "-"}` : "GET",
    );
    if (isWrite) this.bodies.push(request.body?.length ?? 0);
    if (isWrite && headers["epsilon-cursor"] !== undefined) this.#writing += 1;
    // Whoever gave a request up has none in flight.
    // What goes ahead of a backlog has no cursor, and may overlap.
    const isClaim = isWrite && headers["epsilon-cursor"] !== undefined;
    let isCounted = isClaim;
    const uncount = () => {
      if (isCounted) this.#writing -= 1;
      isCounted = false;
    };
    signal?.addEventListener("abort", uncount, { once: true });
    assert.ok(this.#writing <= 1, "one write at a time");
    try {
      const fate = this.fates.shift() ?? this.fate?.(request);
      await this.#env.clock.sleep(this.answerMs(request.body?.length ?? 0));
      if (fate?.kind === "refuse") return this.#refuse(fate);
      if (fate?.kind === "hang") {
        await this.#env.clock.sleep(fate.ms);
        this.#answer(request);
        return await new Promise<never>(() => undefined);
      }
      const response = this.#answer(request);
      if (fate?.kind === "lose") throw noAnswer(this.origin);
      return response;
    } finally {
      uncount();
    }
  }

  #answer(request: NetworkRequest): NetworkResponse {
    if (request.method === "POST") return this.#write(request);
    const streams = [...this.#streams].map(([stream, { cursor, gaps }]) => {
      return { stream, cursor, snapshotted: this.snapshotted, gaps, updated_at: "" };
    });
    const none = { received: 0, stored: 0, duplicates: 0, rejected: 0, conflicts: 0 };
    if (streams.length === 0) return this.#response(200, { sources: [], cursor: null });
    return this.#response(200, { sources: [{ source: this.#source, streams, ...none }] });
  }

  #write({ headers, body, url }: NetworkRequest): NetworkResponse {
    assert.match(url, /\/v1\/collections\/views\/events(?:\?wait=durable)?$/);
    const text = new TextDecoder().decode(body);
    assert.ok(text === "" || text.endsWith("\n"));
    const lines = text.split("\n").slice(0, -1);
    if (text.length > this.bytesMax)
      return this.#refuse({ kind: "refuse", status: 413, code: "body_too_large" });
    if (lines.length > this.eventsMax)
      return this.#refuse({ kind: "refuse", status: 413, code: "too_many_events" });
    if (lines.some(this.spoils)) return this.#refuse({ kind: "refuse", status: 400, code: "bad_json" });
    const rejected = lines.flatMap((line, index) =>
      this.rejects(line) ? [{ index, code: "bad_number", message: `no: ${line}` }] : [],
    );
    const written = { ...counts, received: lines.length, rejected, snapshotted: this.snapshotted };
    const cursorText = headers["epsilon-cursor"];
    if (cursorText === undefined) {
      this.#store(lines);
      return this.#response(rejected.length === lines.length ? 422 : 200, { ...written, cursor: null });
    }
    if (this.#source === "") this.#source = must(headers["epsilon-source"]);
    assert.equal(headers["epsilon-source"], this.#source);
    const cursor = parseCursor(cursorText);
    const after = headers["epsilon-after"] ?? null;
    const stands = this.#streams.get(cursor.stream);
    const standsAt = stands?.cursor ?? null;
    const answer = this.#response(200, { ...written, cursor: cursorText });
    if (standsAt === cursorText) return answer;
    let gaps = stands?.gaps ?? [];
    let isNext = standsAt === after;
    if (after === "*") {
      const gap = parseGap(must(headers["epsilon-gap"]));
      assert.ok(gap.to <= cursor.position);
      gaps = [...gaps, gap];
      isNext = standsAt === null || parseCursor(standsAt).position < cursor.position;
    } else {
      assert.equal(headers["epsilon-gap"], undefined);
      if (after !== null) {
        const from = parseCursor(after);
        assert.ok(from.stream === cursor.stream && from.position < cursor.position, "leads further");
      }
    }
    if (!isNext)
      return this.#response(409, { error: { code: "cursor_mismatch", message: "" }, cursor: standsAt });
    this.#store(lines);
    this.#streams.set(cursor.stream, { cursor: cursorText, gaps });
    return answer;
  }

  #store(lines: readonly string[]): void {
    for (const line of lines) if (!this.#lines.includes(line) && !this.rejects(line)) this.#lines.push(line);
  }

  #refuse({ status, code, retryAfter }: Extract<Fate, { kind: "refuse" }>): NetworkResponse {
    const headers = retryAfter === undefined ? {} : { "retry-after": String(retryAfter) };
    return this.#response(status, { error: { code, message: `simulated ${code}` } }, headers);
  }

  #response(status: number, value: unknown, headers: Record<string, string> = {}): NetworkResponse {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    async function* body() {
      yield bytes;
    }
    const instance = { "epsilon-instance": `${this.#id}/${this.incarnation}` };
    return { status, headers: { ...headers, ...instance }, body: body() };
  }
}

/** Lets virtual time run until something holds; fails after `limitMs` of it. */
export async function until(env: SimEnv, holds: () => boolean, limitMs = 600_000): Promise<void> {
  const endMs = env.clock.elapsedMs() + limitMs;
  await env.advance(0);
  for (let stepMs = 1; !holds(); stepMs = Math.min(1000, stepMs * 2)) {
    assert.ok(env.clock.elapsedMs() < endMs, "it never came to that");
    await env.advance(stepMs);
  }
}
