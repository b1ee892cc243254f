/** A bound on how long a question may take. */

import type { Clock } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import type { ReadOptions } from "../event-store.ts";

/**
 * Does the work with a signal that is aborted when the caller's is, or with `query_timeout` after `deadlineMs`. The
 * work rejects with the signal's reason.
 */
export async function withDeadline<T>(
  clock: Clock,
  options: ReadOptions,
  work: (options: ReadOptions) => Promise<T>,
): Promise<T> {
  const { signal, deadlineMs } = options;
  if (deadlineMs === undefined) return work(options);
  const stop = new AbortController();
  const done = new AbortController();
  clock.sleep(deadlineMs, done.signal).then(
    () =>
      stop.abort(
        new EpsilonError(
          "query_timeout",
          `the query was stopped after ${deadlineMs} ms: ask for less (a shorter time range), or give it longer`,
        ),
      ),
    (error: unknown) => {
      // Woken early because the work is done.
      if (!done.signal.aborted) stop.abort(error);
    },
  );
  try {
    return await work({
      signal: signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]),
    });
  } finally {
    done.abort();
  }
}
