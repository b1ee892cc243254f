/** What names and checks events, for whoever passes them on instead of storing them: without DuckDB. */
export { type Prepared, type PrepareOptions, prepareInSlices } from "./prepare.ts";
