/** The machine's clock. */

import { setTimeout as later, setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "./env.ts";

// setTimeout takes at most 2^31-1 ms and runs at once beyond that.
const timeoutMsMax = 2_147_483_647;

/** The clock of this machine. `sleep(0)` gives way to whatever input and output is waiting. */
export function createNodeClock(): Clock {
  let lastMs = 0;
  let lastTurn = 0n;
  return {
    nowMicros(): bigint {
      // Date.now follows jumps of the wall clock. Within one millisecond, the high resolution timer tells calls apart.
      const ms = Date.now();
      const now = process.hrtime.bigint();
      if (ms !== lastMs) {
        lastMs = ms;
        lastTurn = now;
      }
      const within = (now - lastTurn) / 1000n;
      return BigInt(ms) * 1000n + (within < 999n ? within : 999n);
    },
    elapsedMs(): number {
      return performance.now();
    },
    async sleep(ms: number, signal?: AbortSignal): Promise<void> {
      signal?.throwIfAborted();
      const options = signal === undefined ? {} : { signal };
      try {
        if (ms <= 0) return await nextTurn(undefined, options);
        for (let left = ms; 0 < left; left -= timeoutMsMax)
          await later(Math.min(left, timeoutMsMax), undefined, options);
      } catch (error) {
        // Node wraps the reason in an AbortError of its own.
        signal?.throwIfAborted();
        throw error;
      }
    },
  };
}
