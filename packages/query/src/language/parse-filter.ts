/**
 * Conditions of the query language:
 *
 *     any  = all { OR all }
 *     all  = one { AND one }
 *     one  = NOT one | "(" any ")" | field test
 *     test = op value | [NOT] IN (values) | [NOT] CONTAINS text | [NOT] STARTS WITH text | [NOT] MATCHES text
 *          | [NOT] EXISTS | IS [NOT] NULL
 */

import type { FieldValue } from "@epsilon/model";
import {
  allOf,
  anyOf,
  checkNesting,
  compareFilter,
  fieldName,
  filterValue,
  freeze,
  inFilter,
  listOf,
  nestingMax,
  textFilter,
} from "../normal-form.ts";
import type { ComparisonOp, Filter } from "../query.ts";
import { Reader } from "./reader.ts";

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

/** What stands after WHERE; nothing is no condition. Throws `bad_query`, with line and column. */
export function parseFilter(text: string): readonly Filter[] {
  const reader = new Reader(text);
  if (reader.peek().kind === "end") return [];
  const filters = parseConditions(reader);
  if (reader.peek().kind !== "end") throw reader.expected("AND, OR or the end");
  return freeze(filters);
}

/** A condition, as the list of what has to hold. */
export function parseConditions(reader: Reader): readonly Filter[] {
  return reader.here(() => checkNesting(listOf(parseAny(reader, 0))));
}

function parseAny(reader: Reader, depth: number): Filter {
  const filters = [parseAll(reader, depth)];
  while (reader.keyword("OR")) filters.push(parseAll(reader, depth));
  return anyOf(filters);
}

function parseAll(reader: Reader, depth: number): Filter {
  const filters = [parseOne(reader, depth)];
  while (reader.keyword("AND")) filters.push(parseOne(reader, depth));
  return allOf(filters);
}

function parseOne(reader: Reader, depth: number): Filter {
  if (depth > nestingMax) throw reader.expected(`a condition nested in at most ${nestingMax} levels`);
  if (reader.symbol("(")) {
    const inner = parseAny(reader, depth + 1);
    reader.expectSymbol(")");
    return inner;
  }
  // A field may be called `not`, if a test follows.
  if (reader.isKeyword("NOT") && !isTest(reader, 1)) {
    reader.next();
    return { kind: "not", filter: parseOne(reader, depth + 1) };
  }
  if (reader.peek().kind !== "word") throw reader.expected("a condition, such as status >= 500");
  const field = reader.here(() => fieldName(reader.field()));
  return parseTest(reader, field);
}

function isTest(reader: Reader, ahead: number): boolean {
  const { kind, text } = reader.peek(ahead);
  return kind === "symbol" && Object.hasOwn(comparisons, text);
}

function parseTest(reader: Reader, field: string): Filter {
  if (isTest(reader, 0)) {
    return reader.here(() => {
      const op = comparisons[reader.next().text] as ComparisonOp;
      return compareFilter(field, op, parseValue(reader, field));
    });
  }
  if (reader.keyword("IS", "NULL")) return { kind: "not", filter: { kind: "exists", field } };
  if (reader.keyword("IS", "NOT", "NULL")) return { kind: "exists", field };
  const negated = reader.keyword("NOT");
  const filter = parseWordTest(reader, field);
  return negated ? { kind: "not", filter } : filter;
}

function parseWordTest(reader: Reader, field: string): Filter {
  if (reader.keyword("EXISTS")) return { kind: "exists", field };
  if (reader.isKeyword("IN")) {
    return reader.here(() => {
      reader.next();
      reader.expectSymbol("(");
      const values = [parseValue(reader, field)];
      while (reader.symbol(",")) values.push(parseValue(reader, field));
      reader.expectSymbol(")");
      return inFilter(field, values);
    });
  }
  const op = reader.keyword("CONTAINS")
    ? "contains"
    : reader.keyword("STARTS", "WITH")
      ? "starts_with"
      : reader.keyword("MATCHES")
        ? "matches"
        : null;
  if (op === null) {
    throw reader.expected("a test: = != < <= > >=, IN, CONTAINS, STARTS WITH, MATCHES, EXISTS or IS NULL");
  }
  if (reader.peek().kind !== "text") throw reader.expected("a text in quotes");
  return reader.here(() => textFilter(field, op, reader.next().text));
}

function parseValue(reader: Reader, field: string): FieldValue {
  const token = reader.peek();
  return reader.here(() => {
    switch (token.kind) {
      case "text":
        return filterValue(field, reader.next().text);
      case "number":
        return filterValue(field, Number(reader.next().text));
      case "time":
        if (field !== "_ts") break;
        return filterValue(field, reader.next().text);
      case "word":
        if (reader.keyword("TRUE")) return filterValue(field, true);
        if (reader.keyword("FALSE")) return filterValue(field, false);
        if (field === "_ts" && reader.keyword("NOW")) return "now";
        break;
      default:
    }
    throw reader.expected("a value: a number, true, false, or a text in quotes");
  });
}
