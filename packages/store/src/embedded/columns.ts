/**
 * Which column holds which field and type.
 *
 * A field's types are kept apart: the first type has a column of the field's name, another type a column beside it, so
 * a field that changes type loses nothing. Past `typedColumnsMax` further fields share one column of JSON text,
 * `_more`: slower, still queryable. DuckDB takes names that differ in case for the same; such fields get a suffix.
 */

import type { FieldType } from "@epsilon/model";
import { quoteIdentifier, quoteString } from "@epsilon/query";

export const typeBits = [
  ["string", 1],
  ["number", 2],
  ["boolean", 4],
] as const satisfies readonly (readonly [FieldType, number])[];

/** Columns a collection may have for fields before they go to `_more`. */
export const typedColumnsMax = 400;

/** One typed column. */
export interface Column {
  readonly field: string;
  readonly type: FieldType;
  /** As it is called in DuckDB. */
  readonly name: string;
}

const sqlTypes: Readonly<Record<FieldType, string>> = {
  string: "VARCHAR",
  number: "DOUBLE",
  boolean: "BOOLEAN",
};

/** DuckDB's type for a type of ours. */
export function sqlType(type: FieldType): string {
  return sqlTypes[type];
}

/** Names that would hide something of DuckDB's or of ours. */
const taken = ["rowid", "_ts", "_id", "_rev", "_hash", "_seq", "_more", "_deleted", "_h", "_l"];

export class Columns {
  readonly #byField = new Map<string, Map<FieldType, Column>>();
  readonly #names = new Set<string>(taken);
  #count = 0;

  /** Takes a column as the catalog has it. */
  add(column: Column): void {
    const types = this.#byField.get(column.field) ?? new Map<FieldType, Column>();
    types.set(column.type, column);
    this.#byField.set(column.field, types);
    this.#names.add(fold(column.name));
    this.#count += 1;
  }

  get count(): number {
    return this.#count;
  }

  all(): readonly Column[] {
    return [...this.#byField.values()].flatMap((types) => [...types.values()]);
  }

  find(field: string, type: FieldType): Column | undefined {
    return this.#byField.get(field)?.get(type);
  }

  /** The columns that fields of these types need and that are not there yet; none beyond the limit. */
  plan(fields: ReadonlyMap<string, number>): readonly Column[] {
    const planned: Column[] = [];
    const names = new Set(this.#names);
    for (const [field, mask] of fields) {
      for (const [type, bit] of typeBits) {
        if ((mask & bit) === 0 || this.find(field, type) !== undefined) continue;
        if (this.#count + planned.length >= typedColumnsMax) return planned;
        const name = freeName(names, field, type);
        names.add(fold(name));
        planned.push({ field, type, name });
      }
    }
    return planned;
  }

  /** The expressions that hold a field, one a type; typed columns first, then what `_more` may hold. */
  expressions(field: string): readonly { readonly type: FieldType; readonly sql: string }[] {
    const types = this.#byField.get(field);
    const full = this.#count >= typedColumnsMax;
    return typeBits.flatMap(([type]) => {
      const column = types?.get(type);
      if (column !== undefined) return [{ type, sql: quoteIdentifier(column.name) }];
      return full ? [{ type, sql: overflowSql(field, type) }] : [];
    });
  }
}

function freeName(names: ReadonlySet<string>, field: string, type: FieldType): string {
  if (!names.has(fold(field))) return field;
  for (let number = 1; ; number++) {
    const name = number === 1 ? `${field}~${type}` : `${field}~${type}~${number}`;
    if (!names.has(fold(name))) return name;
  }
}

/** Two names that DuckDB takes for one fold to one. */
export function fold(name: string): string {
  return name.toLowerCase();
}

/** A field of one type out of `_more`. The path is a JSON pointer, so that any name can stand in it. */
function overflowSql(field: string, type: FieldType): string {
  const pointer = quoteString(`/${field.replaceAll("~", "~0").replaceAll("/", "~1")}`);
  const kind = `json_type(_more, ${pointer})`;
  const value = `json_extract_string(_more, ${pointer})`;
  switch (type) {
    case "string":
      return `(CASE WHEN ${kind} = 'VARCHAR' THEN ${value} END)`;
    case "number":
      return `(CASE WHEN ${kind} IN ('DOUBLE', 'BIGINT', 'UBIGINT', 'HUGEINT') THEN TRY_CAST(${value} AS DOUBLE) END)`;
    case "boolean":
      return `(CASE WHEN ${kind} = 'BOOLEAN' THEN ${value} = 'true' END)`;
  }
}
