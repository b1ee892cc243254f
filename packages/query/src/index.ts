/** Queries: object, language, SQL and plain evaluation. Pure. */
export * from "./query.ts";
export * from "./column-name.ts";
export * from "./quote.ts";
export { evaluateQuery } from "./evaluate.ts";
export { matches } from "./matches.ts";
export { type Plan, planSql } from "./plan.ts";
export { filterSql } from "./sql-filter.ts";
export type { SqlContext } from "./sql-value.ts";
