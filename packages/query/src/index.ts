/** Queries: object, language, SQL and plain evaluation. Pure. */

export * from "./column-name.ts";
export { evaluateQuery } from "./evaluate/evaluate.ts";
export { matches } from "./evaluate/matches.ts";
export { parseQuery, parseQueryRequest } from "./language/parse.ts";
export { parseFilter } from "./language/parse-filter.ts";
export { printFilter, printQuery } from "./language/print.ts";
export { aggregates, timeParts } from "./normal-form.ts";
export { parseQueryObject, queryToObject } from "./object/object.ts";
export * from "./query.ts";
export * from "./quote.ts";
export { planSql } from "./sql/plan.ts";
export type { Plan, PlanStatement } from "./sql/plan-statement.ts";
export { filterSql } from "./sql/sql-filter.ts";
export type { SqlContext } from "./sql/sql-value.ts";
export { resolveTime } from "./time.ts";
