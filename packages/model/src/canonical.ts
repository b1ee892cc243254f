/**
 * Canonical form: one spelling for each value, so that the same event is the same bytes wherever it was written.
 * The rules are RFC 8785 (JSON Canonicalization Scheme): members sorted by UTF-16 unit, numbers and texts as
 * ECMAScript writes them, no white space. Our own: `_ts` is an exact integer of microseconds, which may be beyond 2^53.
 * The page is docs/formats/canonical.md; the form never changes.
 */

import { assert, EpsilonError, must } from "./errors.ts";
import type { Event, FieldValue } from "./event.ts";

/** What `contentId` names: an event that has no id yet. */
export type EventContent = Pick<Event, "tsMicros" | "rev" | "fields">;

const loneSurrogate = /\p{Surrogate}/u;
/** What is written as it stands: nothing that JSON escapes, and no surrogate, paired or not. */
const plainText = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

/** Whether a text has no lone surrogates, so that it has a UTF-8 form. */
export function isWellFormedText(text: string): boolean {
  return !loneSurrogate.test(text);
}

/** RFC 8785's spelling of a number; -0 is `0`. Throws `bad_number` for what JSON has no number for. */
export function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new EpsilonError("bad_number", `${value} is not a finite number`);
  return String(value);
}

/** RFC 8785's spelling of a text. Throws `bad_string` for a lone surrogate, which has no UTF-8 form. */
export function canonicalString(text: string): string {
  // Nearly every text, and at a fraction of the price.
  if (plainText.test(text)) return `"${text}"`;
  const json = JSON.stringify(text);
  if (isWellFormedText(text)) return json;
  throw new EpsilonError("bad_string", `a lone surrogate in a text: ${json.slice(0, 100)}`);
}

/** RFC 8785's spelling of what a field may hold. */
export function canonicalScalar(value: FieldValue): string {
  if (typeof value === "string") return canonicalString(value);
  return typeof value === "number" ? canonicalNumber(value) : String(value);
}

/**
 * RFC 8785's text of any JSON value (as `JSON.parse` gives it). The caller bounds the depth.
 * Throws `bad_number`, `bad_string`, or `bad_json` for what is no JSON value.
 */
export function canonicalValue(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return canonicalScalar(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalValue).join(",")}]`;
  if (typeof value !== "object") throw new EpsilonError("bad_json", `${typeof value} is not a JSON value`);
  const members = Object.entries(value).sort(([a], [b]) => compareUtf16(a, b));
  return `{${members.map(([name, member]) => `${canonicalString(name)}:${canonicalValue(member)}`).join(",")}}`;
}

/**
 * The canonical text of an event: what its version is a hash of. Members: `_deleted` (only `true`), `_id`, `_rev`
 * (only when not 0), `_ts` (microseconds) and the fields, sorted. A tombstone has `_deleted`, `_id` and `_ts` only.
 */
export function canonicalEvent(event: Event): string {
  if (event.deleted) return `{"_deleted":true,"_id":"${event.id}","_ts":${event.tsMicros}}`;
  return members(`"_id":"${event.id}",${revisionAndTime(event)}`, event.fields);
}

/** The canonical text of an event that has no id yet: `_rev` (only when not 0), `_ts` and the fields. */
export function canonicalContent(content: EventContent): string {
  return members(revisionAndTime(content), content.fields);
}

/** The fields' members in canonical order, each after a comma: `,"a":1,"b":"x"`; empty if there is none. */
export function canonicalFields(fields: ReadonlyMap<string, FieldValue>): string {
  let text = "";
  for (const name of sortedNames(fields)) text += member(name, fields);
  return text;
}

function revisionAndTime(content: EventContent): string {
  if (content.rev === 0) return `"_ts":${content.tsMicros}`;
  assert(Number.isSafeInteger(content.rev) && content.rev > 0, `a revision is an integer: ${content.rev}`);
  return `"_rev":${content.rev},"_ts":${content.tsMicros}`;
}

/** No field begins with `_`, so our own members stand together: after the names below `_`, before those above. */
function members(own: string, fields: ReadonlyMap<string, FieldValue>): string {
  let before = "";
  let after = "";
  for (const name of sortedNames(fields)) {
    if (name < "_") before += member(name, fields);
    else after += member(name, fields);
  }
  return before === "" ? `{${own}${after}}` : `{${before.slice(1)},${own}${after}}`;
}

function member(name: string, fields: ReadonlyMap<string, FieldValue>): string {
  const value = must(fields.get(name), "a field has a value");
  return `,${canonicalString(name)}:${canonicalScalar(value)}`;
}

/** Sorted by UTF-16 unit, as RFC 8785 says: JavaScript's own order of texts (and no other engine's). */
function sortedNames(fields: ReadonlyMap<string, FieldValue>): string[] {
  return [...fields.keys()].sort();
}

function compareUtf16(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
