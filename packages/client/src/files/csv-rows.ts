/** Rows of CSV as events: the header names the fields, a cell is what it says (`cells.ts`). */

import { EpsilonError, keyToId, must } from "@epsilon/model";
import { parse } from "csv-parse/sync";
import { cellValue } from "./cells.ts";
import type { ImportPlan } from "./import-options.ts";
import type { Naming } from "./naming.ts";
import type { RawRecord } from "./records.ts";
import { type Arrival, missingTime } from "./shape-json.ts";

/** The names of the columns. */
export interface CsvHeader {
  readonly names: readonly string[];
  /** The place of each name. */
  readonly indexes: ReadonlyMap<string, number>;
}

/** The cells of each row's text; null where it is not CSV. */
export function parseRows(texts: readonly string[], delimiter: string): (readonly string[] | null)[] {
  const quoted: string[] = [];
  const cells = texts.map((text) => {
    if (!text.includes('"')) return text.split(delimiter);
    quoted.push(text);
    return undefined;
  });
  if (quoted.length === 0) return cells.map((row) => row ?? null);
  const parsed = parseQuoted(quoted, delimiter);
  let next = 0;
  return cells.map((row) => row ?? parsed[next++] ?? null);
}

function parseQuoted(texts: readonly string[], delimiter: string): (readonly string[] | null)[] {
  const together = tryParse(texts.join("\n"), delimiter);
  if (together?.length === texts.length) return together;
  return texts.map((text) => {
    const rows = tryParse(text, delimiter);
    return rows?.length === 1 ? (rows[0] ?? null) : null;
  });
}

function tryParse(text: string, delimiter: string): string[][] | undefined {
  try {
    return parse(text, { delimiter, relax_column_count: true, relax_quotes: true, record_delimiter: "\n" });
  } catch (error) {
    // Its own errors have codes; what they say is told by the row's rejection.
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

/** Many programs end every line with a delimiter: columns without a name and a cell at the end are none. */
function withoutEmptyEnd(cells: readonly string[], countMin: number): readonly string[] {
  let count = cells.length;
  while (count > countMin && cells[count - 1] === "") count -= 1;
  return count === cells.length ? cells : cells.slice(0, count);
}

/** The header of a file. Throws `bad_field_name`, `duplicate_field`, or `bad_request` for options that it does not fit. */
export function readHeader(row: readonly string[], plan: ImportPlan, needsTime: boolean): CsvHeader {
  const cells = withoutEmptyEnd(row, 0);
  const indexes = new Map<string, number>();
  for (const [index, name] of cells.entries()) {
    if (name === "")
      throw new EpsilonError(
        "bad_field_name",
        `column ${index + 1} has no name; the first line of a CSV file names the fields`,
      );
    if (indexes.has(name))
      throw new EpsilonError("duplicate_field", `two columns are named ${JSON.stringify(name)}; rename one`);
    indexes.set(name, index);
  }
  const { options } = plan;
  const columns = describeColumns(cells);
  const time = plan.tsField ?? "_ts";
  if (!indexes.has(time) && (needsTime || options.ts !== undefined))
    throw new EpsilonError(
      "missing_timestamp",
      `no column is named ${time}; say with --ts which one holds the time; ${columns}`,
    );
  const named = [
    ["--text", options.text ?? []],
    ["--key", options.key === "*" ? [] : (options.key ?? [])],
  ] as const;
  for (const [flag, fields] of named)
    for (const field of fields)
      if (!indexes.has(field) && !plan.set.has(field))
        throw new EpsilonError("bad_request", `${flag} ${field}: there is no such column; ${columns}`);
  return { names: cells, indexes };
}

function describeColumns(names: readonly string[]): string {
  const text = `the columns are ${names.map((name) => JSON.stringify(name)).join(", ")}`.slice(0, 1000);
  const [delimiter] = /[;\t|]/.exec(names.length === 1 ? (names[0] ?? "") : "") ?? [];
  if (delimiter === undefined) return text;
  return `${text}; if cells are separated otherwise, say so: --delimiter '${delimiter === "\t" ? "\\t" : delimiter}'`;
}

interface ShapeOptions {
  readonly plan: ImportPlan;
  readonly naming: Naming;
  /** Undefined for what can be read again. */
  readonly arrival: () => Arrival | undefined;
}

/** Our own fields that are texts whatever they look like. */
const ownTexts = new Set(["_id", "_key"]);

/** How rows under a header become events; the function throws the EpsilonError that a row is rejected with. */
export function rowShaper(
  header: CsvHeader,
  { plan, naming, arrival: arrivalNow }: ShapeOptions,
): (record: RawRecord, cells: readonly string[]) => string {
  const members = header.names.map((name) => `${JSON.stringify(name)}:`);
  const isText = header.names.map((name) => plan.text.has(name) || ownTexts.has(name));
  const tsIndex = header.indexes.get(plan.tsField ?? "_ts");
  const isLeftOut = header.names.map(
    (name, index) =>
      (plan.tsField !== undefined && (index === tsIndex || name === "_ts")) ||
      plan.set.has(name) ||
      (name === "_rev" && plan.options.rev !== undefined),
  );
  const idIndex = header.indexes.get("_id");
  const keyIndex = header.indexes.get("_key");
  const valueAt = (cells: readonly string[], index: number) => {
    const cell = cells[index] ?? "";
    if (isText[index] === true) return cell === "" ? undefined : cell;
    return cellValue(cell, plan.decimal);
  };
  return (record, row) => {
    const cells = withoutEmptyEnd(row, header.names.length);
    if (cells.length !== header.names.length)
      throw new EpsilonError(
        "bad_row",
        `the row has ${cells.length} cells, the header ${header.names.length}`,
      );
    const arrival = arrivalNow();
    const timeText = tsIndex === undefined ? "" : (cells[tsIndex] ?? "");
    let json = "{";
    const add = (member: string): void => {
      json += json.length === 1 ? member : `,${member}`;
    };
    const isGiven = (index: number | undefined): boolean => index !== undefined && cells[index] !== "";
    const isKeyed = isGiven(keyIndex) && !isGiven(idIndex);
    if (timeText === "" && (arrival === undefined || plan.tsField !== undefined))
      throw missingTime(plan.tsField ?? "_ts");
    if (plan.tsField !== undefined) add(`"_ts":"${plan.readTime(timeText)}"`);
    if (isGiven(idIndex) || isGiven(keyIndex)) {
      if (timeText === "") throw missingTime("_ts");
      // What goes to several places is named by its id.
      if (isKeyed) add(`"_id":"${keyToId(cells[must(keyIndex)] ?? "")}"`);
    } else {
      const key = naming.keyOf({
        get: (field) => {
          const index = header.indexes.get(field);
          return plan.set.get(field) ?? (index === undefined ? undefined : valueAt(cells, index));
        },
        all: () => ({ ...rowObject(header, cells, valueAt), ...Object.fromEntries(plan.set) }),
      });
      if (timeText === "" && key !== undefined) throw missingTime("_ts");
      if (timeText === "" && arrival !== undefined) add(`"_ts":"${arrival.ts}","_id":"${arrival.newId()}"`);
      else add(`"_id":"${key === undefined ? naming.idOf(record) : keyToId(key)}"`);
    }
    if (plan.options.rev !== undefined) add(`"_rev":${plan.options.rev}`);
    if (plan.setMembers !== "") add(plan.setMembers);
    for (let index = 0; index < cells.length; index++) {
      if (isLeftOut[index] === true || (isKeyed && index === keyIndex)) continue;
      const value = valueAt(cells, index);
      if (value !== undefined) add(`${members[index]}${JSON.stringify(value)}`);
    }
    return `${json}}`;
  };
}

function rowObject(
  header: CsvHeader,
  cells: readonly string[],
  valueAt: (cells: readonly string[], index: number) => unknown,
): Readonly<Record<string, unknown>> {
  const entries: [string, unknown][] = [];
  for (const [index, name] of header.names.entries()) {
    const value = valueAt(cells, index);
    if (value !== undefined) entries.push([name, value]);
  }
  return Object.fromEntries(entries);
}
