/** A request that hangs is given up: nothing waits for an instance for ever. */

import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";

export interface TimeLimit {
  /** Whom the error is about. */
  readonly url: string;
  readonly limitMs: number;
  /** Gives it up before the time. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs something that ends when its signal does, and gives it up after `limitMs`: rejects with `unreachable`, or with
 * the given signal's reason. Does not wait for what ignores its signal.
 */
export async function withTimeLimit<T>(
  env: Env,
  { url, limitMs, signal }: TimeLimit,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const attempt = new AbortController();
  const done = new AbortController();
  const giveUp = (): void => attempt.abort(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  env.clock.sleep(limitMs, done.signal).then(
    () => {
      const message = `${url} did not answer within ${limitMs} ms`;
      attempt.abort(new EpsilonError("unreachable", message, { details: { url, limitMs } }));
    },
    () => undefined,
  );
  try {
    return await orAborted(run(attempt.signal), attempt.signal);
  } finally {
    done.abort();
    signal?.removeEventListener("abort", giveUp);
  }
}

/** Whether an error is that of a time limit. */
export function isTimeLimit(error: unknown): boolean {
  return error instanceof EpsilonError && typeof error.details["limitMs"] === "number";
}

/** What a promise settles with, or at once the signal's reason. What comes later is let go. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
