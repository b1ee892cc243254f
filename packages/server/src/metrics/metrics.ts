/** Figures for Prometheus: the store's, the server's and the process's, in a registry of the server's own. */

import { EpsilonError } from "@epsilon/model";
import type { EventStore, StoreStatistics } from "@epsilon/store";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { type Metrics, registerHttp } from "./http-metrics.ts";

/** What the server itself knows. */
export interface ServerFigures {
  readonly tails: () => number;
  readonly bodyBytes: () => number;
}

const counters = [
  ["receivedEvents", "epsilon_events_received_total", "Events received since the start"],
  ["storedEvents", "epsilon_events_stored_total", "Events that became the current version of their key"],
  ["duplicateEvents", "epsilon_events_duplicate_total", "Events that were there already"],
  ["rejectedEvents", "epsilon_events_rejected_total", "Events rejected with a reason"],
  ["conflictEvents", "epsilon_events_conflict_total", "Two contents for one key at one revision"],
  ["appliedGroups", "epsilon_apply_groups_total", "Groups applied to the tables"],
] as const satisfies readonly (readonly [keyof StoreStatistics, string, string])[];

const gauges = [
  ["setAsideEvents", "epsilon_events_set_aside", "Events that the tables refused and that are kept aside"],
  ["logBytes", "epsilon_log_bytes", "Bytes of the log"],
  ["waitingBytes", "epsilon_waiting_bytes", "Bytes in the log that are not applied yet"],
  ["waitingEvents", "epsilon_waiting_events", "Events in the log that are not applied yet"],
  ["runningQueries", "epsilon_running_queries", "Queries that run now"],
  ["databaseBytes", "epsilon_database_bytes", "Bytes of the database on disk"],
] as const satisfies readonly (readonly [keyof StoreStatistics, string, string])[];

/** Registers everything. */
export function createMetrics(store: EventStore, figures: ServerFigures): Metrics {
  const registry = new Registry();
  registerStore(registry, store);
  const refreshCollections = registerCollections(registry, store);
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  new Gauge({
    name: "epsilon_tails",
    help: "Tails that are open",
    registers,
    collect() {
      this.set(figures.tails());
    },
  });
  return {
    contentType: registry.contentType,
    async text() {
      await refreshCollections();
      return registry.metrics();
    },
    requestDone: registerHttp(registry, figures.bodyBytes),
  };
}

function registerStore(registry: Registry, store: EventStore): void {
  const registers = [registry];
  for (const [figure, name, help] of counters) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(store.statistics()[figure]);
      },
    });
  }
  for (const [figure, name, help] of gauges) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(store.statistics()[figure]);
      },
    });
  }
  new Gauge({
    name: "epsilon_last_apply_seconds",
    help: "How long the last group took to apply",
    registers,
    collect() {
      this.set(store.statistics().lastApplyMs / 1000);
    },
  });
  new Gauge({
    name: "epsilon_purging_stopped",
    help: "1 while nothing is purged although a retention is set, because the clock jumped",
    registers,
    collect() {
      this.set(store.statistics().purgingStopped === null ? 0 : 1);
    },
  });
  new Gauge({
    name: "epsilon_instance_info",
    help: "Always 1; the labels name the instance",
    labelNames: ["id", "incarnation"],
    registers,
    collect() {
      this.set({ id: store.identity.id, incarnation: store.identity.incarnation }, 1);
    },
  });
}

/** One more label value for each collection: whoever may append can make collections, so only the largest have one. */
const labelledCollectionsMax = 100;

function registerCollections(registry: Registry, store: EventStore): () => Promise<void> {
  const registers = [registry];
  const labelNames = ["collection"];
  const total = new Gauge({ name: "epsilon_collections", help: "Collections there are", registers });
  const events = new Gauge({
    name: "epsilon_collection_events",
    help: "Events in a collection (of the largest 100)",
    labelNames,
    registers,
  });
  const bytes = new Gauge({
    name: "epsilon_collection_bytes",
    help: "Bytes on disk of a collection (of the largest 100)",
    labelNames,
    registers,
  });
  return async () => {
    const collections = await collectionsOrNone(store);
    total.set(collections.length);
    events.reset();
    bytes.reset();
    const largest = [...collections].sort((one, other) => other.bytesOnDisk - one.bytesOnDisk);
    for (const { name, ...info } of largest.slice(0, labelledCollectionsMax)) {
      events.set({ collection: name }, info.events);
      bytes.set({ collection: name }, info.bytesOnDisk);
    }
  };
}

/** A store that failed still has figures to show, and they are needed most then. */
async function collectionsOrNone(store: EventStore): ReturnType<EventStore["collections"]> {
  try {
    return await store.collections();
  } catch (error) {
    if (error instanceof EpsilonError) return [];
    throw error;
  }
}
