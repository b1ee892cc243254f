/**
 * The event and what names it. Pure data: no I/O, no clock.
 *
 * Times are microseconds since 1970 in UTC as `bigint`: RFC 3339 reaches the year 9999, which is beyond what a double
 * counts exactly in microseconds.
 */

/** What a field may hold. Numbers are finite. */
export type FieldValue = string | number | boolean;

/** The type of a field's value, as the API names it. */
export type FieldType = "string" | "number" | "boolean";

/** The primary key, and the storage order: time first, then id. `id` is a lower-case UUID. */
export interface EventKey {
  readonly tsMicros: bigint;
  readonly id: string;
}

/** An event with its name, in the model's own form. `fields` never holds a name that begins with `_`. */
export interface Event extends EventKey {
  /** The revision, 0 unless somebody corrected the event. Always 0 for a tombstone. */
  readonly rev: number;
  /** A tombstone keeps its key only: `fields` is empty. */
  readonly deleted: boolean;
  readonly fields: ReadonlyMap<string, FieldValue>;
}

/** The names of ours that an event may carry when it arrives. */
export const reservedFields = ["_ts", "_id", "_key", "_rev", "_deleted"] as const;
