/** Queries: object, language, SQL and plain evaluation. Pure. */
export * from "./query.ts";
