/** The clock of a browser. */

import type { Clock } from "./env.ts";

// setTimeout takes at most 2^31-1 ms and runs at once beyond that.
const timeoutMsMax = 2_147_483_647;

/** The clock of this page. While the page is hidden its timers run late. */
export function createBrowserClock(): Clock {
  let lastMs = 0;
  let lastTurnMs = 0;
  return {
    nowMicros(): bigint {
      // Date.now follows jumps of the wall clock. Within one millisecond, the high resolution timer tells calls apart.
      const ms = Date.now();
      const nowMs = performance.now();
      if (ms !== lastMs) {
        lastMs = ms;
        lastTurnMs = nowMs;
      }
      return BigInt(ms) * 1000n + BigInt(Math.min(999, Math.floor((nowMs - lastTurnMs) * 1000)));
    },
    elapsedMs: () => performance.now(),
    async sleep(ms: number, signal?: AbortSignal): Promise<void> {
      signal?.throwIfAborted();
      let left = ms;
      do {
        await timeout(Math.min(Math.max(left, 0), timeoutMsMax), signal);
        left -= timeoutMsMax;
      } while (0 < left);
    },
  };
}

function timeout(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
