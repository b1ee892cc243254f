/**
 * Sends a stream of events to one instance: in batches, a few at a time, each repeated until it is answered. The
 * events are named before they come here, so a repetition adds nothing.
 */

import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import type { FileEvent, FileStretch } from "../files/record-reader.ts";
import type { WriteAnswer } from "../http/answers.ts";
import type { HttpClient } from "../http/http-client.ts";
import { withRetry } from "../http/retry.ts";

export interface PushOptions {
  readonly collection: string;
  /** How long it may go without a batch being answered, milliseconds. */
  readonly timeoutMs: number;
  /** Told of every rejected event. */
  readonly onRejected?: (rejected: RejectedEvent) => void;
  /** Told whenever a batch was answered. */
  readonly onProgress?: (totals: PushTotals) => void;
  readonly limits?: Partial<PushLimits>;
}

export interface RejectedEvent {
  /** The line of the file, from 1. */
  readonly line: number;
  readonly code: string;
  readonly message: string;
}

export interface PushLimits {
  readonly batchEventsMax: number;
  readonly batchBytesMax: number;
  readonly inFlightMax: number;
}

const defaultLimits: PushLimits = { batchEventsMax: 10_000, batchBytesMax: 8_000_000, inFlightMax: 3 };

/** `received` = `stored` + `duplicates` + `rejected`; records that are no events are received and rejected. */
export interface PushTotals {
  readonly received: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly conflicts: number;
}

/** Pushes all of it. Rejects with the error of the batch that could not be written in time. */
export async function pushEvents(
  env: Env,
  client: HttpClient,
  stretches: AsyncIterable<FileStretch>,
  options: PushOptions,
): Promise<PushTotals> {
  const pusher = new Pusher(env, client, options);
  try {
    for await (const stretch of stretches) await pusher.take(stretch);
    return await pusher.finish();
  } catch (error) {
    throw await pusher.abandon(error);
  }
}

const encoder = new TextEncoder();

class Pusher {
  readonly #env: Env;
  readonly #client: HttpClient;
  readonly #options: PushOptions;
  readonly #limits: PushLimits;
  readonly #stop = new AbortController();
  readonly #flying = new Set<Promise<void>>();
  #totals = { received: 0, stored: 0, duplicates: 0, rejected: 0, conflicts: 0 };
  #lastProgressMs: number;
  #failure: { readonly error: unknown } | undefined;
  #batch: FileEvent[] = [];
  #batchChars = 0;

  constructor(env: Env, client: HttpClient, options: PushOptions) {
    this.#env = env;
    this.#client = client;
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#lastProgressMs = env.clock.elapsedMs();
  }

  async take(stretch: FileStretch): Promise<void> {
    this.#totals.received += stretch.rejected.length;
    this.#totals.rejected += stretch.rejected.length;
    for (const bad of stretch.rejected) this.#options.onRejected?.(bad);
    const { batchEventsMax, batchBytesMax } = this.#limits;
    for (const event of stretch.events) {
      const isFull =
        this.#batch.length >= batchEventsMax || this.#batchChars + event.json.length > batchBytesMax;
      if (isFull && this.#batch.length > 0) await this.#launchWhenFree();
      this.#batch.push(event);
      this.#batchChars += event.json.length + 1;
    }
    // Nothing is under way: do not wait for more. Otherwise what is left goes when an answer has come.
    if (this.#flying.size === 0) this.#launch();
    this.#throwFailure();
  }

  async finish(): Promise<PushTotals> {
    while (this.#flying.size > 0 || this.#batch.length > 0) {
      if (this.#flying.size < this.#limits.inFlightMax) this.#launch();
      this.#throwFailure();
      await Promise.race(this.#flying);
      this.#throwFailure();
    }
    return this.#totals;
  }

  /** Stops what is under way; answers the error to report: a batch's, if that came first. */
  async abandon(error: unknown): Promise<unknown> {
    this.#batch = [];
    this.#stop.abort();
    await Promise.all(this.#flying);
    return this.#failure?.error ?? error;
  }

  async #launchWhenFree(): Promise<void> {
    while (this.#flying.size >= this.#limits.inFlightMax) await Promise.race(this.#flying);
    this.#throwFailure();
    this.#launch();
  }

  #launch(): void {
    const batch = this.#batch;
    if (batch.length === 0 || this.#failure !== undefined) return;
    this.#batch = [];
    this.#batchChars = 0;
    // Waiting for the file is no lack of progress.
    if (this.#flying.size === 0) this.#lastProgressMs = this.#env.clock.elapsedMs();
    const flight = this.#send(batch)
      .catch((error: unknown) => {
        this.#failure ??= { error };
        this.#stop.abort();
      })
      .finally(() => {
        this.#flying.delete(flight);
        if (this.#flying.size === 0) this.#launch();
      });
    this.#flying.add(flight);
  }

  async #send(batch: readonly FileEvent[]): Promise<void> {
    const body = encoder.encode(batch.map(({ json }) => json).join("\n"));
    const deadlineMs = () => this.#lastProgressMs + this.#options.timeoutMs;
    const answer = await withRetry(this.#env, { deadlineMs, signal: this.#stop.signal }, () =>
      this.#sendOnce(body),
    );
    this.#lastProgressMs = this.#env.clock.elapsedMs();
    const totals = this.#totals;
    this.#totals = {
      received: totals.received + answer.received,
      stored: totals.stored + (answer.stored ?? 0),
      duplicates: totals.duplicates + (answer.duplicates ?? 0),
      rejected: totals.rejected + answer.rejected.length,
      conflicts: totals.conflicts + answer.conflicts.length,
    };
    for (const { index, code, message } of answer.rejected)
      this.#options.onRejected?.({ line: batch[index]?.line ?? 0, code, message });
    this.#options.onProgress?.(this.#totals);
  }

  /** A request that hangs is given up when nothing could come of it any more. */
  async #sendOnce(body: Uint8Array): Promise<WriteAnswer> {
    const { timeoutMs, collection } = this.#options;
    const attempt = new AbortController();
    const done = new AbortController();
    const giveUp = () => attempt.abort(this.#stop.signal.reason);
    this.#stop.signal.addEventListener("abort", giveUp);
    const late = new EpsilonError(
      "unreachable",
      `${this.#client.url} did not answer for ${timeoutMs} ms; check the instance, then run it again: what is there already counts as a duplicate`,
    );
    this.#env.clock.sleep(timeoutMs, done.signal).then(
      () => attempt.abort(late),
      () => undefined,
    );
    try {
      return await this.#client.write(collection, body, { signal: attempt.signal });
    } finally {
      done.abort();
      this.#stop.signal.removeEventListener("abort", giveUp);
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
