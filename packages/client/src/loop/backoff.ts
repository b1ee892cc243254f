/** How long a loop waits after a failure, by what failed. It never gives up. */

import type { Env } from "@epsilon/env";
import { EpsilonError, errors } from "@epsilon/model";
import { retryDelayMs } from "../http/retry.ts";

/** Beyond every step of the backoff. */
const longestAttempt = 16;

export class Backoff {
  readonly #env: Env;
  #failures = 0;

  constructor(env: Env) {
    this.#env = env;
  }

  /** How many failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** How long to wait before the next attempt, milliseconds. */
  failed(error: unknown): number {
    const attempt = this.#failures;
    this.#failures += 1;
    // Where the instance stands is asked at once; if that does not help, another client may be at the same source.
    if (isMismatch(error)) return attempt === 0 ? 0 : retryDelayMs(this.#env, attempt - 1, error);
    // Only a person can help here, and may do so while this runs.
    return retryDelayMs(this.#env, needsPerson(error) ? longestAttempt : attempt, error);
  }
}

/** Whether the instance, or the source, is elsewhere than was thought. */
export function isMismatch(error: unknown): boolean {
  return error instanceof EpsilonError && error.code === "cursor_mismatch";
}

/** Whether the instance refused a request for its size; proxies say so with the status alone. */
export function isTooLarge(error: unknown): boolean {
  if (!(error instanceof EpsilonError)) return false;
  return (
    error.code === "body_too_large" || error.code === "too_many_events" || error.details["status"] === 413
  );
}

/** Whether a smaller request may do better: it was too large, or something in it spoils the whole. */
export function isToBeCut(error: unknown): boolean {
  if (isTooLarge(error)) return true;
  // Without a status it is our own word about an answer that is no JSON.
  if (!(error instanceof EpsilonError) || error.details["status"] === undefined) return false;
  return error.code === "bad_json" || error.code === "bad_utf8";
}

/** Whether a request that failed so may have been stored all the same. */
export function mayBeStored(error: unknown): boolean {
  if (!(error instanceof EpsilonError)) return true;
  const status = error.details["status"];
  return typeof status !== "number" || status >= 500;
}

function needsPerson(error: unknown): boolean {
  return !(error instanceof EpsilonError) || errors[error.code].kind !== "operating";
}
