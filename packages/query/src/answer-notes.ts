/** Remarks on an answer: fields that nobody has, and fields whose values are of several types or of another one. */

import type { FieldType } from "@epsilon/model";
import type { Aggregate, Filter, Note, Query } from "./query.ts";

/** The types that a field is known to have: none if no event has it, null if that is not known. */
export type TypesOf = (field: string) => ReadonlySet<FieldType> | null;

/** Aggregates for which a value's type does not matter. */
const anyType: readonly Aggregate[] = ["count"];
/** Aggregates that pass over everything but numbers. */
const numbersOnly: readonly Aggregate[] = [
  "sum",
  "avg",
  "stddev",
  "p50",
  "p90",
  "p95",
  "p99",
  "p999",
  "rate",
];
const own = ["_ts", "_id", "_rev"];

/** How a query uses its fields: which it names, and where the type of the values matters, and which it is. */
interface Use {
  readonly field: string;
  /** The type that it counts with, `any` if all types count apart, null if the type does not matter. */
  readonly as: FieldType | "any" | null;
}

/** The notes about a query's fields, in the order of their appearance; at most one of a kind a field. */
export function fieldNotes(query: Query, typesOf: TypesOf): readonly Note[] {
  const notes = new Map<string, Note>();
  for (const { field, as } of usesOf(query)) {
    if (own.includes(field)) continue;
    const types = typesOf(field);
    if (types === null) continue;
    const shown = JSON.stringify(field);
    const add = (code: Note["code"], message: string): void => {
      if (!notes.has(`${code} ${field}`)) notes.set(`${code} ${field}`, { code, message });
    };
    if (types.size === 0) add("unknown_field", `no event has a field ${shown}`);
    else if (as === null) continue;
    else if (types.size > 1)
      add("mixed_types", `${shown} holds ${listed(types)}: values of different types are never equal`);
    else if (as !== "any" && !types.has(as))
      add("mixed_types", `${shown} holds ${listed(types)}, and is used here as a ${as}`);
  }
  return [...notes.values()];
}

/** The note that there are more than the default limit lets through. */
export function truncatedNote(what: "groups" | "events", limit: number): Note {
  return {
    code: "truncated",
    message: `there are more ${what} than the first ${limit}; give a limit to choose how many`,
  };
}

function usesOf(query: Query): readonly Use[] {
  const uses: Use[] = [];
  for (const { aggregate, field, filters } of query.columns) {
    if (field !== undefined) uses.push({ field, as: usedAs(aggregate) });
    uses.push(...filterUses(filters ?? []));
  }
  for (const group of query.groupBy) {
    if (group.kind === "field") uses.push({ field: group.field, as: "any" });
    if (group.kind === "bucket") uses.push({ field: group.field, as: "number" });
  }
  return [...uses, ...filterUses(query.filters)];
}

function usedAs(aggregate: Aggregate): Use["as"] {
  if (anyType.includes(aggregate)) return null;
  return numbersOnly.includes(aggregate) ? "number" : "any";
}

function filterUses(filters: readonly Filter[]): readonly Use[] {
  return filters.flatMap(usesOfFilter);
}

function usesOfFilter(filter: Filter): readonly Use[] {
  switch (filter.kind) {
    case "compare":
      return [{ field: filter.field, as: typeof filter.value as FieldType }];
    case "in":
      return filter.values.length === 0
        ? [{ field: filter.field, as: null }]
        : filter.values.map((value) => ({ field: filter.field, as: typeof value as FieldType }));
    case "text":
      return [{ field: filter.field, as: "string" }];
    case "exists":
      return [{ field: filter.field, as: null }];
    case "any":
    case "all":
      return filterUses(filter.filters);
    case "not":
      return usesOfFilter(filter.filter);
  }
}

function listed(types: ReadonlySet<FieldType>): string {
  const names = (["number", "string", "boolean"] as const).filter((type) => types.has(type));
  return names.map((name) => `${name}s`).join(" and ");
}
