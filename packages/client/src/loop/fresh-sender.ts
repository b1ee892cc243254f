/**
 * Fresh first: while an instance catches up with a backlog, what is written now is posted to it at once as well, without a
 * cursor. Writes may overlap freely, so that the loop, when it comes there, brings duplicates and nothing else.
 *
 * It takes turns: after each request it rests for as long as that took, so that half of the way stays the backlog's. It
 * never holds the loop up: whatever fails here is brought by the loop, later.
 */

import type { Env } from "@epsilon/env";
import { AssertionError, type Cursor, EpsilonError } from "@epsilon/model";
import type { Source, SourceChunk } from "../sources/source.ts";

export interface FreshOptions {
  readonly source: Source;
  /** Where the source ended when this began. */
  readonly from: Cursor;
  /** Posts events without a claim. */
  readonly post: (body: Uint8Array) => Promise<unknown>;
  readonly signal: AbortSignal;
}

const eventsMax = 1000;
const bytesMax = 512 * 1024;
/** What is older than so many events is no longer fresh: the loop brings it. */
const behindMax = 5000;
const restAfterFailureMs = 1000;
/** Those that come within this go together. */
const lingerMs = 50;

export class FreshSender {
  readonly #env: Env;
  readonly #options: FreshOptions;
  readonly #stop: AbortSignal;
  readonly #over = new AbortController();
  #at: Cursor;
  #events = 0;

  constructor(env: Env, options: FreshOptions) {
    this.#env = env;
    this.#options = options;
    this.#at = options.from;
    this.#stop = AbortSignal.any([options.signal, this.#over.signal]);
  }

  /** Behind what was posted last. */
  get at(): Cursor {
    return this.#at;
  }

  /** How many events were posted. */
  get events(): number {
    return this.#events;
  }

  /** Posts until `stop`. Rejects only for a bug. */
  async run(): Promise<void> {
    while (!this.#stop.aborted) {
      try {
        await this.#postNext();
      } catch (error) {
        if (this.#stop.aborted) return;
        if (error instanceof AssertionError) throw error;
        // Another life of the source, or of the instance: the loop notices, and begins this anew.
        if (error instanceof EpsilonError && error.code === "cursor_mismatch") return;
        await this.#pause(restAfterFailureMs);
        await this.#skip();
      }
    }
  }

  stop(): void {
    this.#over.abort(new EpsilonError("closed", "it has caught up"));
  }

  async #postNext(): Promise<void> {
    const { source, post } = this.#options;
    await source.more(this.#at, this.#stop);
    await this.#pause(lingerMs);
    await this.#skip();
    const chunks = await this.#read();
    const last = chunks.at(-1);
    if (last === undefined) return;
    const startMs = this.#env.clock.elapsedMs();
    await post(bodyOf(chunks));
    this.#at = last.cursor;
    this.#events += chunks.reduce((sum, { events }) => sum + events, 0);
    await this.#pause(this.#env.clock.elapsedMs() - startMs);
  }

  /** What follows, up to a request's worth. */
  async #read(): Promise<readonly SourceChunk[]> {
    const chunks: SourceChunk[] = [];
    let [events, bytes] = [0, 0];
    for await (const chunk of this.#options.source.read({ after: this.#at, gap: null })) {
      chunks.push(chunk);
      events += chunk.events;
      bytes += chunk.lines.length;
      if (events >= eventsMax || bytes >= bytesMax) break;
    }
    return chunks;
  }

  /** Leaves to the loop what is not fresh any more. */
  async #skip(): Promise<void> {
    const end = await this.#options.source.end();
    if (end === null || end.stream !== this.#at.stream) return;
    if (this.#at.position + behindMax < end.position) this.#at = end;
  }

  async #pause(ms: number): Promise<void> {
    await this.#env.clock.sleep(ms, this.#stop).catch((error: unknown) => {
      if (!this.#stop.aborted) throw error;
    });
  }
}

function bodyOf(chunks: readonly SourceChunk[]): Uint8Array {
  const body = new Uint8Array(chunks.reduce((sum, { lines }) => sum + lines.length, 0));
  let at = 0;
  for (const { lines } of chunks) {
    body.set(lines, at);
    at += lines.length;
  }
  return body;
}
