/** Comparing over any kind of tables: it waits until they have what was acknowledged, and asks them. */

import type { Clock } from "@epsilon/env";
import type { Comparing } from "../comparing.ts";
import type { ScanChunk } from "../event-store.ts";
import { withDeadline } from "./deadline.ts";
import type { Tables } from "./tables.ts";

/** `catchUp` rejects when the tables cannot take what waits: what is compared must not lack what was acknowledged. */
export function comparingOver(
  clock: Clock,
  tables: Tables,
  store: { readonly knows: (collection: string) => boolean; readonly catchUp: () => Promise<void> },
): Comparing {
  return {
    async digests(collection, request, options) {
      await store.catchUp();
      return withDeadline(clock, options, (bounded) => tables.digests(collection, request, bounded));
    },
    async keys(collection, range, options) {
      await store.catchUp();
      return store.knows(collection) ? tables.keys(collection, range, options) : nothing();
    },
    async eventsOf(collection, keys, options) {
      await store.catchUp();
      const isAny = store.knows(collection) && keys.length > 0;
      return isAny ? tables.eventsOf(collection, keys, options) : nothing();
    },
  };
}

async function* nothing(): AsyncGenerator<ScanChunk> {}
