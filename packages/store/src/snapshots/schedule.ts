/** Making snapshots at intervals. What fails is tried again, sooner than the next would be due. */

import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import type { Snapshots } from "../snapshots.ts";

/** After a start, so that what is starting is not slowed down. */
const firstMsMin = 5_000;
const retryMsMin = 60_000;
const retryMsMax = 900_000;

/** Runs until the signal is aborted. By elapsed time: a clock that is set back must not stop the snapshots. */
export async function keepSchedule(
  env: Env,
  snapshots: Snapshots,
  options: { readonly everyMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const { everyMs, signal } = options;
  let waitMs = firstWaitMs(env, snapshots, everyMs);
  let failures = 0;
  for (;;) {
    await env.clock.sleep(waitMs, signal);
    const isGood = await makeOne(snapshots);
    failures = isGood ? 0 : failures + 1;
    waitMs = isGood ? everyMs : Math.min(everyMs, retryMsMax, retryMsMin * 2 ** (failures - 1));
  }
}

async function makeOne(snapshots: Snapshots): Promise<boolean> {
  try {
    const { id } = await snapshots.create({ external: false });
    await snapshots.finished();
    return snapshots.get(id).state === "good";
  } catch (error) {
    // Somebody is making one by hand: the next try comes after it.
    if (error instanceof EpsilonError && error.code === "snapshot_running") return false;
    throw error;
  }
}

function firstWaitMs(env: Env, snapshots: Snapshots, everyMs: number): number {
  const { lastGoodMicros } = snapshots.statistics();
  if (lastGoodMicros === null) return Math.min(everyMs, firstMsMin);
  const sinceMs = Number((env.clock.nowMicros() - lastGoodMicros) / 1000n);
  return Math.min(everyMs, Math.max(Math.min(everyMs, firstMsMin), everyMs - sinceMs));
}
