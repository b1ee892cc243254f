/** Which parts of the query language a set of generated queries has touched: a generator that forgets one must show. */

import type { Filter, Query } from "../query.ts";
import { aggregates, comparisonOps, pointUnits, textOps, timeParts } from "./arbitrary-query.ts";

/** Everything that has to occur. */
const wanted: readonly string[] = [
  ...aggregates.map((aggregate) => `aggregate ${aggregate}`),
  "count of a field",
  "rate of a field",
  ...comparisonOps.flatMap((op) => ["string", "number", "boolean"].map((type) => `op ${op} ${type}`)),
  ...textOps.map((op) => `op ${op}`),
  ...["in", "exists", "any", "all", "not"].map((kind) => `filter ${kind}`),
  ...["_ts", "_id", "_rev"].map((field) => `filter on ${field}`),
  ...["field", "bucket"].map((kind) => `group ${kind}`),
  ...timeParts.map((part) => `part ${part}`),
  ...timeParts.map((part) => `part ${part} in a zone`),
  ...pointUnits.map((unit) => `points ${unit}`),
  ...pointUnits.map((unit) => `points ${unit} in a zone`),
  ...["filters", "column filters", "as", "start", "end", "order ascending", "order descending"],
  ...["descending", "limit", "no limit", "others", "others in points", "several groups", "raw events"],
];

/** Counts what occurs in the queries it is shown. */
export class QueryCoverage {
  readonly #seen = new Map<string, number>();

  /** Takes note of a query. */
  add(query: Query): void {
    for (const { aggregate, field, filters, as } of query.columns) {
      this.#see(`aggregate ${aggregate}`);
      if (field !== undefined) this.#see(`${aggregate} of a field`);
      if (filters !== undefined) this.#see("column filters");
      if (as !== undefined) this.#see("as");
      for (const filter of filters ?? []) this.#addFilter(filter);
    }
    const zoned = query.timezone !== undefined && query.timezone !== "UTC";
    for (const group of query.groupBy) {
      this.#see(group.kind === "part" ? `part ${group.part}` : `group ${group.kind}`);
      if (group.kind === "part" && zoned) this.#see(`part ${group.part} in a zone`);
    }
    if (query.pointSize !== undefined) {
      this.#see(`points ${query.pointSize.unit}`);
      if (zoned) this.#see(`points ${query.pointSize.unit} in a zone`);
      if (query.others) this.#see("others in points");
    }
    for (const filter of query.filters) this.#addFilter(filter);
    if (query.filters.length > 0) this.#see("filters");
    if (query.timeRange.start !== undefined) this.#see("start");
    if (query.timeRange.end !== undefined) this.#see("end");
    for (const { descending } of query.orderBy) this.#see(`order ${descending ? "de" : "a"}scending`);
    if (query.descending) this.#see("descending");
    this.#see(query.limit === undefined ? "no limit" : "limit");
    if (query.others) this.#see("others");
    if (query.groupBy.length > 1) this.#see("several groups");
    if (query.columns.length === 0 && query.groupBy.length === 0) this.#see("raw events");
  }

  /** The share of what is wanted that occurred, and what did not. */
  report(): { readonly share: number; readonly missing: readonly string[] } {
    const missing = wanted.filter((label) => !this.#seen.has(label));
    return { share: 1 - missing.length / wanted.length, missing };
  }

  #addFilter(filter: Filter): void {
    this.#see(`filter ${filter.kind}`);
    switch (filter.kind) {
      case "compare":
        this.#see(`op ${filter.op} ${typeof filter.value}`);
        this.#see(`filter on ${filter.field}`);
        return;
      case "text":
        this.#see(`op ${filter.op}`);
        return;
      case "any":
      case "all":
        for (const inner of filter.filters) this.#addFilter(inner);
        return;
      case "not":
        this.#addFilter(filter.filter);
        return;
      case "in":
      case "exists":
        return;
    }
  }

  #see(label: string): void {
    this.#seen.set(label, (this.#seen.get(label) ?? 0) + 1);
  }
}
