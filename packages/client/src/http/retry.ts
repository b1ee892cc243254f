/** Doing it again: what is worth it, after how long, and until when. */

import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";

const firstDelayMs = 200;
const lastDelayMs = 10_000;

/** Whether the same request may do better later: no answer, too busy, or an instance that is starting or ending. */
export function isWorthRetrying(error: unknown): boolean {
  if (!(error instanceof EpsilonError)) return false;
  const status = error.details["status"];
  if (error.code === "unreachable" || error.code === "overloaded") return true;
  // A full disk and a bug stay what they are for a while, but not for ever.
  return typeof status === "number" && status >= 500 && status !== 501;
}

/** How long to wait before a repetition: twice as long each time, at random from half of it. */
export function retryDelayMs(env: Env, attempt: number, error?: unknown): number {
  const backoff = Math.min(lastDelayMs, firstDelayMs * 2 ** Math.min(attempt, 16));
  const own = backoff * (0.5 + env.random.unit() / 2);
  const asked = error instanceof EpsilonError ? Number(error.details["retryAfter"]) * 1000 : Number.NaN;
  // Whoever asks for hours is not waited for: the deadline decides.
  return Number.isFinite(asked) && asked > 0 ? Math.max(own, Math.min(asked, 60_000)) : own;
}

export interface RetryOptions {
  /** `env.clock.elapsedMs()` after which nothing is begun again. Asked before each repetition, so it may move. */
  readonly deadlineMs: () => number;
  readonly signal?: AbortSignal | undefined;
}

/** Does something until it succeeds, fails for good, or the deadline would pass; then rejects with the last error. */
export async function withRetry<T>(env: Env, options: RetryOptions, run: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (!isWorthRetrying(error)) throw error;
      const delayMs = retryDelayMs(env, attempt, error);
      if (env.clock.elapsedMs() + delayMs > options.deadlineMs()) throw error;
      const message = error instanceof Error ? error.message : String(error);
      env.report({ level: "warn", event: "retry", details: { attempt, delayMs, message } });
      await env.clock.sleep(delayMs, options.signal);
    }
  }
}
