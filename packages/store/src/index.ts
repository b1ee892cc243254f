/** One instance’s data. The only importer of DuckDB. */
export * from "./comparing.ts";
export { keepForEver, type Retention } from "./core/retention.ts";
export { defaultStoreLimits, type StoreLimits } from "./core/store-limits.ts";
export * from "./event-store.ts";
export { type EmbeddedOptions, type OpenOptions, openEmbeddedStore, openMemoryStore } from "./open.ts";
export { noSnapshots } from "./snapshots/none.ts";
export * from "./snapshots.ts";
