/** For tests, here and in other packages: generators of events and queries, and what they have covered. */
export {
  arbitraryEvents,
  arbitraryMoment,
  arbitraryQueryEvent,
  fieldNames,
  fieldPools,
} from "./arbitrary-events.ts";
export { arbitraryFilter, arbitraryQuery, patternPool, zones } from "./arbitrary-query.ts";
export { QueryCoverage } from "./coverage.ts";
