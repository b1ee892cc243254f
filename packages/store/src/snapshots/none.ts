/** The snapshots of a store that can make none. */

import { EpsilonError } from "@epsilon/model";
import type { Snapshots } from "../snapshots.ts";

/** A store in memory has nothing that outlives it. */
export function noSnapshots(): Snapshots {
  const refuse = async (): Promise<never> => {
    throw new EpsilonError(
      "no_destination",
      "this instance keeps its events in memory and makes no snapshots",
    );
  };
  return {
    destination: null,
    everyMs: null,
    list: () => [],
    get: (id) => {
      throw new EpsilonError("unknown_snapshot", `there is no snapshot ${JSON.stringify(id.slice(0, 100))}`);
    },
    create: refuse,
    finished: async () => {},
    remove: refuse,
    verify: refuse,
    confirm: refuse,
    prune: refuse,
    statistics: () => ({
      lastGoodMicros: null,
      lastBytesWritten: 0,
      lastSeconds: 0,
      kept: 0,
      failures: 0,
      lastError: null,
    }),
  };
}
