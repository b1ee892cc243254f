/**
 * Values in SQL: literals, and the typed columns that hold a field.
 *
 * A field has a column for each type that it was seen with, and at most one of them is set in a row. A value is carried
 * as its *parts*, one a type, in the order of types (booleans, numbers, texts), so sorting by the parts in turn is
 * sorting by the model's `compareValues`. Most fields have one type, and then a value is one plain column.
 */

import { type FieldType, type FieldValue, formatTimestamp } from "@epsilon/model";
import type { AnswerRow, AnswerValue } from "../query.ts";
import { quoteString } from "../quote.ts";

/** What the SQL of a query needs to know about the collection and the moment. */
export interface SqlContext {
  /** The FROM expression, quoted: a table with `_ts TIMESTAMP` (UTC), `_id UUID`, `_rev BIGINT` and the fields' columns. */
  readonly table: string;
  readonly nowMicros: bigint;
  /** The columns or expressions that hold a field, quoted, NULL where it is absent; none for an unknown field. */
  fields(name: string): readonly { readonly type: FieldType; readonly sql: string }[];
  readonly groupsMax: number;
  /** Nothing before this is looked at. */
  readonly notBeforeMicros?: bigint;
  /** How a row of the table becomes an event in the answer. Only queries for raw events need it. */
  readonly events?: { readonly select: string; row(cells: readonly unknown[]): AnswerRow };
}

/** A column of the table that holds a field in one type. */
export interface FieldColumn {
  readonly type: FieldType;
  readonly sql: string;
  /** The column as it leaves the statement: DuckDB's times and ids become numbers and texts. */
  leave(sql: string): string;
  read(cell: unknown): AnswerValue;
}

/** One typed part of a value: what is selected, and how its cell is read. */
export interface SqlPart {
  readonly sql: string;
  read(cell: unknown): AnswerValue;
}

/** A value: at most one of its parts is set in a row. Without parts it is `otherwise`, always. */
export interface SqlValue {
  readonly parts: readonly SqlPart[];
  readonly otherwise: AnswerValue;
}

const typeOrder: readonly FieldType[] = ["boolean", "number", "string"];
const asIs = (sql: string): string => sql;

const own: Readonly<Record<string, FieldColumn>> = {
  _ts: { type: "string", sql: "_ts", leave: (sql) => `epoch_us(${sql})`, read: readTime },
  _id: { type: "string", sql: "_id", leave: (sql) => `(${sql})::VARCHAR`, read: readCell },
  _rev: { type: "number", sql: "_rev::DOUBLE", leave: asIs, read: readCell },
};

/** The columns that hold a field, in the order of types. */
export function fieldColumns(field: string, context: SqlContext): readonly FieldColumn[] {
  const known = Object.hasOwn(own, field) ? own[field] : undefined;
  if (known !== undefined) return [known];
  return [...context.fields(field)]
    .sort((a, b) => typeOrder.indexOf(a.type) - typeOrder.indexOf(b.type))
    .map(({ type, sql }) => ({ type, sql, leave: asIs, read: readCell }));
}

/** A field's value in a row. */
export function fieldValue(field: string, context: SqlContext): SqlValue {
  const parts = fieldColumns(field, context).map(({ sql, leave, read }) => ({ sql: leave(sql), read }));
  return { parts, otherwise: null };
}

/** The types that a field has columns for. What is no column of its own may hold it or not, and says nothing. */
export function knownTypes(field: string, context: SqlContext): ReadonlySet<FieldType> | null {
  const columns = context.fields(field);
  const typed = columns.filter(({ sql }) => sql.startsWith('"'));
  if (columns.length > 0 && typed.length === 0) return null;
  return new Set(typed.map(({ type }) => type));
}

/** A value as a literal of its own type. Doubles keep every digit. */
export function literal(value: FieldValue): string {
  switch (typeof value) {
    case "string":
      return quoteString(value);
    case "boolean":
      return String(value);
    default: {
      const text = String(value === 0 ? 0 : value);
      // A decimal point without an exponent would be a DECIMAL, which converts to a double by way of a division.
      return Number.isSafeInteger(value) || text.includes("e") ? text : `${text}e0`;
    }
  }
}

/** A cell that DuckDB gave for a DOUBLE, BIGINT, VARCHAR or BOOLEAN. What is no finite number is null, as in JSON. */
export function readCell(cell: unknown): AnswerValue {
  if (typeof cell === "bigint") return Number(cell);
  if (typeof cell === "number") return Number.isFinite(cell) ? cell : null;
  return typeof cell === "string" || typeof cell === "boolean" ? cell : null;
}

function readTime(cell: unknown): AnswerValue {
  return cell === null || cell === undefined ? null : formatTimestamp(BigInt(cell as bigint | number));
}

/** The value that the cells of its parts make. */
export function readValue(value: SqlValue, cells: readonly unknown[]): AnswerValue {
  for (const [index, part] of value.parts.entries()) {
    const cell = cells[index];
    if (cell !== null && cell !== undefined) return part.read(cell);
  }
  return value.otherwise;
}

/**
 * ORDER BY terms that sort by a value. `reversed` is the exact opposite of ascending (where null is last);
 * `descending` keeps null last.
 */
export function orderTerms(
  value: SqlValue,
  order: "ascending" | "descending" | "reversed" | "ascendingNullsFirst",
): readonly string[] {
  const terms = value.parts.map(({ sql }) => sql);
  const several = terms.length > 1;
  const absent = `(${terms.map((sql) => `${sql} IS NULL`).join(" AND ")})`;
  switch (order) {
    case "ascending":
      return terms.map((sql) => `${sql} NULLS LAST`);
    case "reversed":
      return terms.map((sql) => `${sql} DESC NULLS FIRST`);
    case "descending":
      return several
        ? [absent, ...terms.map((sql) => `${sql} DESC NULLS FIRST`)]
        : terms.map((sql) => `${sql} DESC NULLS LAST`);
    case "ascendingNullsFirst":
      return several
        ? [`${absent} DESC`, ...terms.map((sql) => `${sql} NULLS LAST`)]
        : terms.map((sql) => `${sql} NULLS FIRST`);
  }
}
