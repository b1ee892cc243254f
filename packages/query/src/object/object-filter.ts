/** Filters in the query object: `{"field","op","value"}`, `{"any":[…]}`, `{"all":[…]}`, `{"not":…}`; a list is all of it. */

import type { FieldValue } from "@epsilon/model";
import {
  allOf,
  anyOf,
  badQuery,
  checkNesting,
  compareFilter,
  fieldName,
  inFilter,
  listOf,
  nestingMax,
  textFilter,
} from "../normal-form.ts";
import type { ComparisonOp, Filter } from "../query.ts";
import { at, described, objectOf, textOf } from "./object-shape.ts";

const comparisons: Readonly<Record<string, ComparisonOp>> = {
  "=": "=",
  "==": "=",
  "!=": "!=",
  "<>": "!=",
  "<": "<",
  "<=": "<=",
  ">": ">",
  ">=": ">=",
};
const ops = ["=", "!=", "<", "<=", ">", ">=", "in", "contains", "starts_with", "matches", "exists"];
/** A list at the top is a level here, and none of the conditions. */
const depthMax = nestingMax + 1;

/** A list of filters, all of which have to match; a single one will do. Throws `bad_query`. */
export function filtersFromObject(value: unknown, path: string): readonly Filter[] {
  if (Array.isArray(value) && value.length === 0) return [];
  return at(path, () => checkNesting(listOf(filterFromObject(value, path, 0))));
}

/** One filter. Throws `bad_query`. */
export function filterFromObject(value: unknown, path: string, depth: number): Filter {
  if (depth > depthMax) throw badQuery(`conditions nested in more than ${nestingMax} levels`);
  if (Array.isArray(value)) return allOf(many(value, path, depth));
  const object = objectOf(value, path, [
    "field",
    "name",
    "column",
    "op",
    "condition",
    "value",
    "any",
    "all",
    "not",
  ]);
  const kinds = ["any", "all", "not"].filter((key) => object[key] !== undefined);
  const [kind] = kinds;
  if (kind === undefined) return condition(object, path);
  if (Object.keys(object).length > 1) throw badQuery(`${path}: "${kind}" stands alone in its object`);
  const inner = object[kind];
  if (kind === "not") return { kind: "not", filter: filterFromObject(inner, `${path}.not`, depth + 1) };
  if (!Array.isArray(inner)) throw badQuery(`${path}.${kind} is a list of filters`);
  const filters = many(inner, `${path}.${kind}`, depth);
  return kind === "any" ? anyOf(filters) : allOf(filters);
}

function many(list: readonly unknown[], path: string, depth: number): readonly Filter[] {
  return list.map((item, index) => filterFromObject(item, `${path}[${index}]`, depth + 1));
}

function condition(object: Readonly<Record<string, unknown>>, path: string): Filter {
  return at(path, () => conditionOf(object, path));
}

function conditionOf(object: Readonly<Record<string, unknown>>, path: string): Filter {
  const field = one(object, path, ["field", "name", "column"]);
  const op = one(object, path, ["op", "condition"]).toLowerCase().replaceAll(" ", "_");
  const { value } = object;
  const comparison = Object.hasOwn(comparisons, op) ? comparisons[op] : undefined;
  if (comparison !== undefined) {
    return compareFilter(field, comparison, valueAt(value, path));
  }
  switch (op) {
    case "in":
      return inFilter(field, valuesAt(value, path));
    case "not_in":
      return { kind: "not", filter: inFilter(field, valuesAt(value, path)) };
    case "contains":
    case "starts_with":
    case "matches":
      return textFilter(
        field,
        op,
        at(`${path}.value`, () => textOf(value)),
      );
    case "exists": {
      const exists: Filter = { kind: "exists", field: fieldName(field) };
      if (value === undefined || value === null || value === true) return exists;
      if (value === false) return { kind: "not", filter: exists };
      throw badQuery(`${path}.value: "exists" takes true, false or nothing`);
    }
    default:
      throw badQuery(`${path}.op is ${JSON.stringify(op.slice(0, 100))}: there are ${ops.join(" ")}`);
  }
}

function valuesAt(value: unknown, path: string): readonly FieldValue[] {
  if (!Array.isArray(value) || value.length === 0)
    throw badQuery(`${path}.value is a list of values, for "in"`);
  return value.map((item) => valueAt(item, path));
}

function valueAt(value: unknown, path: string): FieldValue {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  const hint = value === null || value === undefined ? ' ("exists" asks whether there is one)' : "";
  throw badQuery(`${path}.value is a text, a number, true or false, not ${described(value)}${hint}`);
}

/** A member that goes by several names. */
function one(object: Readonly<Record<string, unknown>>, path: string, names: readonly string[]): string {
  const given = names.filter((name) => object[name] !== undefined);
  const [name, other] = given;
  if (name === undefined) throw badQuery(`${path}.${names[0]} is missing`);
  if (other !== undefined) throw badQuery(`${path}: ${name} and ${other} say the same thing, give one`);
  return at(`${path}.${name}`, () => textOf(object[name]));
}

/** The contract's JSON object for a filter. */
export function filterToObject(filter: Filter): Record<string, unknown> {
  switch (filter.kind) {
    case "compare":
    case "text":
      return { field: filter.field, op: filter.op, value: filter.value };
    case "in":
      return { field: filter.field, op: "in", value: [...filter.values] };
    case "exists":
      return { field: filter.field, op: "exists" };
    case "any":
    case "all":
      return { [filter.kind]: filter.filters.map(filterToObject) };
    case "not":
      return { not: filterToObject(filter.filter) };
  }
}
