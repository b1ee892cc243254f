/** One instance’s data. The only importer of DuckDB. */
export * from "./event-store.ts";
