/**
 * One question to several instances: the best first; the next at once where one fails, and as well where one is silent.
 * The first good answer wins, and whatever else is under way is given up.
 */

import type { Env } from "@epsilon/env";
import { EpsilonError, must } from "@epsilon/model";
import { isWorthRetrying } from "../http/retry.ts";
import { orAborted } from "../http/time-limit.ts";
import type { Health } from "./health.ts";

/** With two under way, this long a silence lets the one that was asked first go, for another one to be asked. */
const patienceMs = 10_000;

export interface Candidate {
  readonly url: string;
  /** Whether it may be asked because another one is silent, and not only because that one failed. */
  readonly mayHedge: boolean;
}

export interface AskOptions {
  /** In the order in which they are asked. At least one. */
  readonly candidates: readonly Candidate[];
  readonly health: Health;
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether the time until the answer is told to `health`: not where it says nothing of the instance's speed. */
  readonly isTimed: boolean;
}

/** Who answered. */
export interface Asked<T> {
  readonly url: string;
  readonly value: T;
  /** It was not the first that was asked, and the first had not failed. */
  readonly hedged: boolean;
  /** Ends what the answer still holds open, a stream say. Always to be called. */
  close(): void;
}

/** What became of an instance that was asked in vain, in the `details.instances` of the error. */
export interface AskFailure {
  readonly url: string;
  readonly code: string;
  readonly message: string;
}

interface Running<T> {
  readonly url: string;
  readonly startMs: number;
  readonly hedged: boolean;
  /** Never rejects. */
  readonly outcome: Promise<Outcome<T>>;
  give(reason: unknown): void;
}

type Outcome<T> =
  | { readonly kind: "value"; readonly of: Running<T>; readonly value: T }
  | { readonly kind: "error"; readonly of: Running<T>; readonly error: unknown };

/**
 * Asks until one answers. An error that every instance would answer is thrown as it is (the caller's: any 4xx but 429,
 * and `unknown_collection` only once all say it); so is the error of an only candidate. Where all fail, or none answers
 * in time: `unreachable` (details: `instances`, each with its error). Rejects with the signal's reason.
 */
export function askInOrder<T>(
  env: Env,
  options: AskOptions,
  run: (url: string, signal: AbortSignal) => Promise<T>,
): Promise<Asked<T>> {
  return new Asking(env, options, run).ask();
}

class Asking<T> {
  readonly #env: Env;
  readonly #options: AskOptions;
  readonly #run: (url: string, signal: AbortSignal) => Promise<T>;
  readonly #waiting: Candidate[];
  readonly #running = new Set<Running<T>>();
  readonly #failures: { readonly url: string; readonly error: unknown }[] = [];
  readonly #endMs: number;

  constructor(env: Env, options: AskOptions, run: (url: string, signal: AbortSignal) => Promise<T>) {
    this.#env = env;
    this.#options = options;
    this.#run = run;
    this.#waiting = [...options.candidates];
    this.#endMs = env.clock.elapsedMs() + options.limitMs;
  }

  async ask(): Promise<Asked<T>> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    try {
      this.#startNext(false);
      while (this.#running.size > 0) {
        const outcome = await this.#next();
        if (outcome === "late") break;
        if (outcome === "silent") this.#hedge();
        else if (outcome.kind === "value") return this.#won(outcome.of, outcome.value);
        else this.#lost(outcome.of, outcome.error);
      }
    } finally {
      for (const one of this.#running) one.give(new EpsilonError("query_cancelled", "another one answered"));
    }
    throw this.#allFailed();
  }

  /** What comes first: an outcome, a silence that is long enough to ask another one, or the end of the time. */
  async #next(): Promise<Outcome<T> | "silent" | "late"> {
    const leftMs = this.#endMs - this.#env.clock.elapsedMs();
    const silenceMs = this.#silenceMs();
    const isLast = leftMs <= silenceMs;
    const over = new AbortController();
    const pause = this.#env.clock.sleep(Math.min(leftMs, silenceMs), over.signal).then(
      () => (isLast ? ("late" as const) : ("silent" as const)),
      () => "late" as const,
    );
    const outcomes = [...this.#running].map(({ outcome }) => outcome);
    const first = await Promise.race([...outcomes, pause]);
    over.abort();
    if (first === "late")
      for (const one of this.#running) {
        const message = `${one.url} did not answer within ${this.#options.limitMs} ms`;
        this.#fail(one, new EpsilonError("unreachable", message));
      }
    return first;
  }

  #silenceMs(): number {
    const next = this.#waiting[0];
    if (next === undefined) return Number.POSITIVE_INFINITY;
    const { hedgeAfterMs } = this.#options.health;
    if (next.mayHedge && this.#running.size === 1) return hedgeAfterMs;
    return Math.max(patienceMs, hedgeAfterMs);
  }

  #hedge(): void {
    if (this.#running.size > 1) {
      const first = must([...this.#running][0]);
      first.give(new EpsilonError("query_cancelled", "it is silent; another one is asked"));
      this.#fail(first, new EpsilonError("unreachable", `${first.url} was silent for too long`));
    }
    this.#startNext(true);
  }

  #startNext(hedged: boolean): void {
    const candidate = this.#waiting.shift();
    if (candidate === undefined) return;
    const { signal } = this.#options;
    const attempt = new AbortController();
    const giveUp = (): void => attempt.abort(signal?.reason);
    signal?.addEventListener("abort", giveUp, { once: true });
    const { url } = candidate;
    const work = orAborted(this.#run(url, attempt.signal), attempt.signal);
    const running: Running<T> = {
      url,
      startMs: this.#env.clock.elapsedMs(),
      hedged,
      outcome: work.then(
        (value) => ({ kind: "value", of: running, value }),
        (error: unknown) => ({ kind: "error", of: running, error }),
      ),
      give: (reason) => {
        signal?.removeEventListener("abort", giveUp);
        attempt.abort(reason);
      },
    };
    this.#running.add(running);
  }

  #won(winner: Running<T>, value: T): Asked<T> {
    const { health, isTimed } = this.#options;
    const nowMs = this.#env.clock.elapsedMs();
    this.#running.delete(winner);
    health.answered(winner.url, nowMs, isTimed ? nowMs - winner.startMs : undefined);
    for (const other of this.#running)
      if (other.startMs < winner.startMs) health.silent(other.url, nowMs, nowMs - other.startMs);
    const { url, hedged } = winner;
    return {
      url,
      value,
      hedged,
      close: () => winner.give(new EpsilonError("query_cancelled", "nobody reads it any more")),
    };
  }

  #lost(loser: Running<T>, error: unknown): void {
    this.#options.signal?.throwIfAborted();
    if (!isUnknownCollection(error) && !isInstanceTrouble(error)) throw error;
    this.#fail(loser, error);
    this.#startNext(false);
  }

  #fail(loser: Running<T>, error: unknown): void {
    this.#running.delete(loser);
    loser.give(error);
    this.#failures.push({ url: loser.url, error });
    const { health } = this.#options;
    const nowMs = this.#env.clock.elapsedMs();
    if (isInstanceTrouble(error)) health.failed(loser.url, nowMs);
    else health.answered(loser.url, nowMs);
  }

  #allFailed(): unknown {
    const last = this.#failures.at(-1)?.error;
    if (this.#failures.length === 1 || this.#failures.every(({ error }) => isUnknownCollection(error)))
      return last;
    const instances = this.#failures.map(({ url, error }): AskFailure => {
      const { code, message } = error as EpsilonError;
      return { url, code, message };
    });
    const said = instances.map(({ url, message }) => `${url}: ${message}`).join("; ");
    return new EpsilonError("unreachable", `no instance answered (${said})`, {
      details: { instances },
      cause: last,
    });
  }
}

/** Whether another instance may do better: this one is away, too busy or ill, or no instance answers there. */
export function isInstanceTrouble(error: unknown): boolean {
  if (isWorthRetrying(error)) return true;
  // Without a status it is our own word about an answer that is no JSON.
  return error instanceof EpsilonError && error.code === "bad_json" && error.details["status"] === undefined;
}

/** A new instance may not have the collection yet that the others have. */
export function isUnknownCollection(error: unknown): boolean {
  return error instanceof EpsilonError && error.code === "unknown_collection";
}
