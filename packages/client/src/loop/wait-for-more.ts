/** Waiting at the end of a source. */

import type { Env } from "@epsilon/env";
import type { Cursor } from "@epsilon/model";
import type { Source } from "../sources/source.ts";

/** Whether there may be more after a cursor within `limitMs`. Rejects as the source does, or with the signal's reason. */
export async function waitForMore(
  env: Env,
  source: Source,
  {
    after,
    limitMs,
    signal,
  }: { readonly after: Cursor | null; readonly limitMs: number; readonly signal: AbortSignal },
): Promise<boolean> {
  signal.throwIfAborted();
  const done = new AbortController();
  const stop = (): void => done.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  const more = source.more(after, done.signal).then(() => true);
  const late = env.clock.sleep(limitMs, done.signal).then(() => false);
  try {
    return await Promise.race([more, late]);
  } finally {
    signal.removeEventListener("abort", stop);
    done.abort();
    // The one that lost the race rejects because of that.
    more.catch(() => undefined);
    late.catch(() => undefined);
  }
}
