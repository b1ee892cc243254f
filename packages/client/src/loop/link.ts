/** The requests of a loop to its instance: each with a time limit, and none without learning who answered. */

import type { Env } from "@epsilon/env";
import { type Cursor, EpsilonError, parseCursor } from "@epsilon/model";
import type { SourceAnswer, WriteAnswer, WriteClaim } from "../http/answers.ts";
import type { InstanceIdentity } from "../http/exchange.ts";
import { createHttpClient, type HttpClient } from "../http/http-client.ts";
import { withTimeLimit } from "../http/time-limit.ts";
import type { SourceTotals } from "./state.ts";

export interface LinkOptions {
  readonly url: string;
  readonly token?: string | undefined;
  readonly source: string;
  readonly collection: string;
  readonly answerLimitMs: number;
  /** Gives up what is under way, and all that comes. */
  readonly signal: AbortSignal;
  /** Told when another instance, or another run of it, answers. */
  readonly onOther: () => void;
}

/** Where an instance stands in a source. */
export interface Standing {
  /** One a stream. */
  readonly cursors: readonly Cursor[];
  /** By stream, what its snapshots hold. */
  readonly snapshotted: ReadonlyMap<string, Cursor | null>;
  /** What the instance has counted of the source. */
  readonly totals: SourceTotals;
}

export class InstanceLink {
  readonly #env: Env;
  readonly #options: LinkOptions;
  readonly #client: HttpClient;
  #instance: InstanceIdentity | undefined;
  #heardMs = 0;
  #lastAnswerMs: number | null = null;

  /** Throws `bad_request` for what is no address. */
  constructor(env: Env, options: LinkOptions) {
    this.#env = env;
    this.#options = options;
    const { url, token } = options;
    this.#client = createHttpClient(env, { url, token, onInstance: (instance) => this.#sees(instance) });
  }

  get url(): string {
    return this.#client.url;
  }

  /** The one that answered last; another object whenever it is another one, or another run. */
  get instance(): InstanceIdentity | undefined {
    return this.#instance;
  }

  /** When a request last succeeded, on the clock of `elapsedMs`. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** How long that took. */
  get lastAnswerMs(): number | null {
    return this.#lastAnswerMs;
  }

  async ask(): Promise<Standing> {
    const { source, collection } = this.#options;
    const answer = await this.#request((signal) =>
      this.#client.sources(collection, source, { signal }).catch(nothingThere),
    );
    const found = answer.find((one) => one.source === source);
    const cursors: Cursor[] = [];
    const snapshotted = new Map<string, Cursor | null>();
    for (const one of found?.streams ?? []) {
      snapshotted.set(one.stream, parseOrNull(one.snapshotted));
      const cursor = parseOrNull(one.cursor);
      if (cursor !== null) cursors.push(cursor);
    }
    return { cursors, snapshotted, totals: totalsOf(found) };
  }

  /** Settles when the events, and the cursor if there is a claim, are durable; or (`applied`) can be queried as well. */
  write(body: Uint8Array, claim?: WriteClaim, wait: "durable" | "applied" = "durable"): Promise<WriteAnswer> {
    return this.#request((signal) =>
      this.#client.write(this.#options.collection, body, { wait, claim, signal }),
    );
  }

  async #request<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { answerLimitMs: limitMs, signal } = this.#options;
    const startMs = this.#env.clock.elapsedMs();
    const answer = await withTimeLimit(this.#env, { url: this.url, limitMs, signal }, run);
    this.#heardMs = this.#env.clock.elapsedMs();
    this.#lastAnswerMs = this.#heardMs - startMs;
    return answer;
  }

  #sees(instance: InstanceIdentity): void {
    if (instance.incarnation === this.#instance?.incarnation && instance.id === this.#instance.id) return;
    this.#instance = instance;
    this.#options.onOther();
  }
}

/** What an instance has counted of a source: nothing where it never heard of it. */
export function totalsOf(found: SourceAnswer | undefined): SourceTotals {
  if (found === undefined) return { received: 0, stored: 0, duplicates: 0, rejected: 0, conflicts: 0 };
  const { received, stored, duplicates, rejected, conflicts } = found;
  return { received, stored, duplicates, rejected, conflicts };
}

export function parseOrNull(cursor: string | null): Cursor | null {
  return cursor === null ? null : parseCursor(cursor);
}

/** An instance that never heard of the collection or the source stands nowhere. */
function nothingThere(error: unknown): readonly SourceAnswer[] {
  const code = error instanceof EpsilonError ? error.code : undefined;
  if (code === "unknown_collection" || code === "unknown_source") return [];
  throw error;
}
