/** Queries: object, language, SQL and plain evaluation. Pure. */

export * from "./column-name.ts";
export { evaluateQuery } from "./evaluate.ts";
export { matches } from "./matches.ts";
export { aggregates, timeParts } from "./normal-form.ts";
export { parseQueryObject, queryToObject } from "./object.ts";
export { parseQuery, parseQueryRequest } from "./parse.ts";
export { parseFilter } from "./parse-filter.ts";
export { planSql } from "./plan.ts";
export type { Plan, PlanStatement } from "./plan-statement.ts";
export { printFilter, printQuery } from "./print.ts";
export * from "./query.ts";
export * from "./quote.ts";
export { filterSql } from "./sql-filter.ts";
export type { SqlContext } from "./sql-value.ts";
export { resolveTime } from "./time.ts";
