/**
 * From a parsed JSON object to a named event: flattens, checks every limit, reads our own members, gives an id where
 * the contract says how. Any rule that is broken is an EpsilonError, which rejects this event alone.
 */

import { canonicalContent, canonicalNumber, canonicalString, isWellFormedText } from "./canonical.ts";
import { EpsilonError, type ErrorCode } from "./errors.ts";
import type { Event, FieldValue } from "./event.ts";
import { type Sha256, utf8Bytes } from "./hash.ts";
import { contentIdOfCanonical, keyToId } from "./identity.ts";
import { exactNumber, excessBytes } from "./kept-values.ts";
import { limits } from "./limits.ts";
import { type JsonNode, JsonNumber, JsonObject } from "./strict-json.ts";
import { parseTimestamp } from "./timestamp.ts";
import { parseUuid, randomUuid } from "./uuid.ts";

/** What naming needs to know beside the event itself. */
export interface Naming {
  /** Time of arrival. */
  readonly nowMicros: bigint;
  readonly random: (count: number) => Uint8Array;
  /** Events must come with `_ts` and `_id`: they carry a source's cursor. */
  readonly named: boolean;
  /** `_rev` and `_deleted` are refused. */
  readonly appendOnly: boolean;
  /** How many of the same content the request had before: the how-manieth of its equals an event is. */
  readonly ordinal: (firstId: string) => number;
  readonly sha256: Sha256;
}

/** Our own members, as they were written. */
interface Own {
  ts?: bigint;
  id?: string;
  key?: string;
  rev: number;
  deleted: boolean;
}

/** The event that an object stands for. Throws what the contract's "Writing" lists. */
export function eventOf(object: JsonObject, naming: Naming): Event {
  const own: Own = { rev: 0, deleted: false };
  const fields = new Map<string, FieldValue>();
  const ours = new Set<string>();
  for (const [name, value] of object.members) {
    if (name.startsWith("_")) {
      if (ours.has(name)) throw new EpsilonError("duplicate_field", `two members are named ${shown(name)}`);
      ours.add(name);
      readOwn(own, name, value, naming);
    } else {
      addField(fields, name, value);
    }
  }
  return nameEvent(own, fields, naming);
}

function readOwn(own: Own, name: string, value: JsonNode, naming: Naming): void {
  switch (name) {
    case "_ts":
      if (value !== null) own.ts = readTimestamp(value);
      return;
    case "_id":
      if (value !== null) own.id = readId(value);
      return;
    case "_key":
      if (value !== null) own.key = readKey(value);
      return;
    case "_rev":
      if (naming.appendOnly) throw forbidden(name);
      if (value !== null) own.rev = readRevision(value);
      return;
    case "_deleted":
      if (naming.appendOnly) throw forbidden(name);
      if (value !== null) own.deleted = readDeleted(value);
      return;
    default:
      throw new EpsilonError(
        "reserved_field",
        `${shown(name)} begins with _, and such names are Epsilon's (_ts, _id, _key, _rev, _deleted); rename it`,
      );
  }
}

function forbidden(name: string): EpsilonError {
  return new EpsilonError(
    "forbidden_field",
    `an append token may not send ${name}: only new events; use a token with the scope "write"`,
  );
}

function readTimestamp(value: JsonNode): bigint {
  if (typeof value === "string") return parseTimestamp(value);
  if (value instanceof JsonNumber) return parseTimestamp(value.value);
  throw new EpsilonError("bad_timestamp", "_ts is RFC 3339 or a number of milliseconds since 1970");
}

function readId(value: JsonNode): string {
  const uuid = typeof value === "string" ? parseUuid(value) : undefined;
  if (uuid !== undefined) return uuid;
  throw new EpsilonError(
    "bad_id",
    `_id is ${describe(value)}: give a UUID, or send the name that you have as _key`,
  );
}

function readKey(value: JsonNode): string {
  if (typeof value !== "string") throw new EpsilonError("bad_key", `_key is ${describe(value)}: give a text`);
  checkLength(value, "_key");
  return value;
}

function readRevision(value: JsonNode): number {
  const rev = value instanceof JsonNumber ? value.value : Number.NaN;
  if (Number.isSafeInteger(rev) && rev >= 0) return rev === 0 ? 0 : rev;
  throw new EpsilonError("bad_revision", `_rev is ${describe(value)}: give an integer from 0 to 2^53-1`);
}

function readDeleted(value: JsonNode): boolean {
  if (typeof value === "boolean") return value;
  throw new EpsilonError("bad_deleted", `_deleted is ${describe(value)}: true or false`);
}

/** Nested objects become fields with dotted names; `null` is left out. */
function addField(fields: Map<string, FieldValue>, name: string, value: JsonNode): void {
  if (name === "" || !isWellFormedText(name) || name.includes("\u0000")) {
    throw new EpsilonError(
      "bad_field_name",
      `${shown(name)} is no field name: it is empty, or no valid text`,
    );
  }
  if (value instanceof JsonObject) {
    for (const [inner, innerValue] of value.members) {
      if (inner === "") throw new EpsilonError("bad_field_name", `an empty name within ${shown(name)}`);
      addField(fields, `${name}.${inner}`, innerValue);
    }
    return;
  }
  if (value === null) return;
  if (fields.has(name)) {
    throw new EpsilonError("duplicate_field", `two fields are named ${shown(name)} (nested names count)`);
  }
  if (fields.size >= limits.eventFieldsMax) {
    throw new EpsilonError("too_many_fields", `more than ${limits.eventFieldsMax} fields; send fewer`);
  }
  if (utf8Bytes(name).length > limits.fieldNameBytesMax) {
    throw new EpsilonError(
      "field_name_too_long",
      `${shown(name)} is longer than ${limits.fieldNameBytesMax} bytes`,
    );
  }
  fields.set(name, fieldValue(name, value));
}

function fieldValue(name: string, value: Exclude<JsonNode, null | JsonObject>): FieldValue {
  if (typeof value === "boolean") return value;
  if (value instanceof JsonNumber) return numberOf(value, name);
  const text = typeof value === "string" ? value : canonicalNode(value, name);
  if (text.includes("\u0000")) throw badString(name, "a NUL character");
  if (!isWellFormedText(text)) throw badString(name, "a lone surrogate");
  checkLength(text, name);
  return text;
}

function checkLength(text: string, name: string): void {
  const sizeBytes = excessBytes(text);
  if (sizeBytes === 0) return;
  throw new EpsilonError(
    "string_too_long",
    `${shown(name)} has ${sizeBytes} bytes, at most ${limits.stringBytesMax} are kept; shorten it`,
  );
}

function badString(name: string, what: string): EpsilonError {
  return new EpsilonError(
    "bad_string",
    `${what} in ${shown(name)}: it has no form that every database keeps`,
  );
}

function numberOf(number: JsonNumber, name: string): number {
  const value = exactNumber(number.text);
  if (value !== null) return value;
  throw new EpsilonError(
    "bad_number",
    `${shown(name)} is ${number.text.slice(0, 50)}, which a double cannot hold; send it as a text`,
  );
}

/** RFC 8785's text of an array (the model's `canonicalValue`, over nodes that know how a number was written). */
function canonicalNode(node: JsonNode, name: string): string {
  if (node === null || typeof node === "boolean") return String(node);
  if (typeof node === "string") {
    if (!isWellFormedText(node)) throw badString(name, "a lone surrogate");
    return canonicalString(node);
  }
  if (node instanceof JsonNumber) return canonicalNumber(numberOf(node, name));
  if (!(node instanceof JsonObject)) return `[${node.map((item) => canonicalNode(item, name)).join(",")}]`;
  const members = [...node.members].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  for (const [index, [member]] of members.entries()) {
    if (members[index + 1]?.[0] === member) {
      throw new EpsilonError(
        "duplicate_field",
        `two members are named ${shown(member)} within ${shown(name)}`,
      );
    }
  }
  const texts = members.map(([member, value]) => {
    if (!isWellFormedText(member)) throw badString(name, "a lone surrogate");
    return `${canonicalString(member)}:${canonicalNode(value, name)}`;
  });
  return `{${texts.join(",")}}`;
}

function nameEvent(own: Own, fields: ReadonlyMap<string, FieldValue>, naming: Naming): Event {
  const { ts, id, key, rev, deleted } = own;
  if (id !== undefined && key !== undefined) {
    throw new EpsilonError("bad_key", "_id and _key both name the event: send one of them");
  }
  if (naming.named && (ts === undefined || id === undefined)) {
    throw new EpsilonError(
      "unnamed_event",
      "with a source, an event carries _ts and _id; name it before it is sent",
    );
  }
  if (ts === undefined && (id !== undefined || key !== undefined || deleted)) {
    const code: ErrorCode = "missing_timestamp";
    throw new EpsilonError(code, "the key is _ts and _id together: send the _ts too");
  }
  const content = {
    rev: deleted ? 0 : rev,
    deleted,
    fields: deleted ? new Map<string, FieldValue>() : fields,
  };
  if (ts === undefined) return { tsMicros: naming.nowMicros, id: randomUuid(naming.random(16)), ...content };
  if (id !== undefined) return { tsMicros: ts, id, ...content };
  if (key !== undefined) return { tsMicros: ts, id: keyToId(key), ...content };
  if (deleted) {
    throw new EpsilonError("bad_id", "a tombstone deletes the event of a key: send the _id (or _key) too");
  }
  return { tsMicros: ts, id: contentIdOf(ts, content, naming), ...content };
}

function contentIdOf(
  ts: bigint,
  content: { rev: number; fields: ReadonlyMap<string, FieldValue> },
  naming: Naming,
): string {
  const canonical = canonicalContent({ tsMicros: ts, rev: content.rev, fields: content.fields });
  const first = contentIdOfCanonical(canonical, 0, naming.sha256);
  const ordinal = naming.ordinal(first);
  return ordinal === 0 ? first : contentIdOfCanonical(canonical, ordinal, naming.sha256);
}

function describe(value: JsonNode): string {
  if (value instanceof JsonNumber) return value.text.slice(0, 50);
  if (typeof value === "string") return shown(value);
  if (value instanceof JsonObject) return "an object";
  return Array.isArray(value) ? "an array" : String(value);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
