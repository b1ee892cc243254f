/**
 * Rows back to events: which columns to ask for, and how a row becomes an event and a line of NDJSON.
 *
 * The same code serves scans, the tail, the check and deletes, so there is one way to read an event.
 */

import { type Event, type FieldType, type FieldValue, formatTimestamp } from "@epsilon/model";
import { type AnswerRow, quoteIdentifier } from "@epsilon/query";
import type { Columns } from "./columns.ts";
import type { SqlRow } from "./database.ts";

interface Slot {
  readonly field: string;
  readonly type: FieldType;
  /** `"name":` as it stands in JSON. */
  readonly prefix: string;
}

/** How the events of a collection are read: the select list, and what is at which place in a row. */
export interface RowPlan {
  /** Microseconds, id, revision, hash, sequence, `_more`, then the fields in canonical order. */
  readonly select: string;
  readonly slots: readonly Slot[];
}

/** Where the fields begin in a row. */
const fieldsAt = 6;

export function planRows(columns: Columns): RowPlan {
  const all = [...columns.all()].sort((a, b) => compareUtf16(a.field, b.field));
  const names = all.map(({ name }) => `, ${quoteIdentifier(name)}`).join("");
  return {
    select: `epoch_us(_ts), _id::VARCHAR, _rev, _hash, _seq, _more${names}`,
    slots: all.map(({ field, type }) => ({ field, type, prefix: `${JSON.stringify(field)}:` })),
  };
}

export interface StoredEvent extends Event {
  /** The stored first 64 bits of the version. */
  readonly hash: bigint;
  readonly sequence: number;
}

/** A row as an event. */
export function eventOf(plan: RowPlan, row: SqlRow): StoredEvent {
  const fields = new Map<string, FieldValue>();
  for (const [index, slot] of plan.slots.entries()) {
    const value = row[fieldsAt + index];
    if (value !== null && value !== undefined) fields.set(slot.field, value as FieldValue);
  }
  for (const [field, value] of moreOf(row)) fields.set(field, value);
  return {
    tsMicros: row[0] as bigint,
    id: row[1] as string,
    rev: Number(row[2]),
    deleted: false,
    fields,
    hash: row[3] as bigint,
    sequence: Number(row[4]),
  };
}

/** A row as it stands among an answer's `events`. */
export function answerRowOf(plan: RowPlan, row: SqlRow): AnswerRow {
  const { tsMicros, id, rev, fields } = eventOf(plan, row);
  const own: [string, FieldValue][] = [
    ["_ts", formatTimestamp(tsMicros)],
    ["_id", id],
  ];
  if (rev !== 0) own.push(["_rev", rev]);
  // Not by assignment: a field may be named `__proto__`.
  return Object.fromEntries([...own, ...[...fields].sort(([a], [b]) => compareUtf16(a, b))]);
}

/** A row as a line of JSON without its newline: ours first, then the fields in canonical order. */
export function jsonOf(plan: RowPlan, row: SqlRow): string {
  const rev = Number(row[2]);
  let json = `{"_ts":"${formatTimestamp(row[0] as bigint)}","_id":"${row[1]}"`;
  if (rev !== 0) json += `,"_rev":${rev}`;
  const more = moreOf(row);
  if (more.length === 0) {
    for (let index = 0; index < plan.slots.length; index++) {
      const value = row[fieldsAt + index];
      if (value === null || value === undefined) continue;
      json += `,${(plan.slots[index] as Slot).prefix}${typeof value === "string" ? JSON.stringify(value) : String(value)}`;
    }
    return `${json}}`;
  }
  const fields = [...eventOf(plan, row).fields].sort(([a], [b]) => compareUtf16(a, b));
  for (const [field, value] of fields) json += `,${JSON.stringify(field)}:${JSON.stringify(value)}`;
  return `${json}}`;
}

function moreOf(row: SqlRow): readonly (readonly [string, FieldValue])[] {
  const more = row[5];
  if (typeof more !== "string") return [];
  return Object.entries(JSON.parse(more) as Record<string, FieldValue>);
}

/** The canonical order of names: by UTF-16 unit, as JavaScript compares. */
function compareUtf16(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
