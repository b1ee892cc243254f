/** Queries: object, language, SQL and plain evaluation. Pure. */
export * from "./query.ts";
export * from "./column-name.ts";
export * from "./quote.ts";
