/**
 * A JSON record as an event to send: named, with its time, and with what the options ask for. Its text stays as it was
 * written wherever it can: only members that change are taken out, and new ones are put in front.
 */

import { EpsilonError, keyToId } from "@epsilon/model";
import type { ImportPlan } from "./import-options.ts";
import { changeMember } from "./json-members.ts";
import type { Naming } from "./naming.ts";
import type { RawRecord } from "./records.ts";

/** What the events of a stream without times get instead. */
export interface Arrival {
  /** RFC 3339. */
  readonly ts: string;
  readonly newId: () => string;
}

interface ShapeOptions {
  readonly plan: ImportPlan;
  readonly naming: Naming;
  /** Undefined for what can be read again: there an event must say its time. */
  readonly arrival: Arrival | undefined;
}

type JsonObject = Readonly<Record<string, unknown>>;

/** The event as a line of JSON. Throws the EpsilonError that the record is rejected with. */
export function shapeJson(record: RawRecord, text: string, options: ShapeOptions): string {
  const { plan, naming, arrival } = options;
  let json = text;
  let parsed = parseObject(json);
  for (const field of plan.text) {
    const value = lookUp(parsed, field);
    if (typeof value === "number" || typeof value === "boolean") {
      json = changeMember(json, field, (written) => JSON.stringify(written));
      parsed = parseObject(json);
    }
  }
  const takeOut: string[] = [];
  const front: string[] = [];

  let hasTime = isThere(parsed["_ts"]);
  if (plan.tsField !== undefined) {
    const value = lookUp(parsed, plan.tsField);
    if (!isThere(value)) throw missingTime(plan.tsField);
    if (typeof value !== "string" && typeof value !== "number")
      throw new EpsilonError("bad_timestamp", `${plan.tsField} is neither a text nor a number`);
    front.push(`"_ts":"${plan.readTime(value)}"`);
    takeOut.push(plan.tsField, "_ts");
    hasTime = true;
  }
  const isNamed = isThere(parsed["_id"]) || isThere(parsed["_key"]);
  if (!isNamed) {
    const key = naming.keyOf({
      get: (field) => plan.set.get(field) ?? lookUp(parsed, field),
      all: () => (plan.set.size === 0 ? parsed : { ...parsed, ...Object.fromEntries(plan.set) }),
    });
    if (!hasTime && (arrival === undefined || key !== undefined)) throw missingTime("_ts");
    if (!hasTime && arrival !== undefined) {
      front.push(`"_ts":"${arrival.ts}","_id":"${arrival.newId()}"`);
      takeOut.push("_ts");
    } else front.push(key === undefined ? `"_id":"${naming.idOf(record)}"` : `"_id":"${keyToId(key)}"`);
    takeOut.push("_id", "_key");
  } else if (!hasTime) throw missingTime("_ts");
  else if (typeof parsed["_key"] === "string" && !isThere(parsed["_id"])) {
    // What goes to several places is named by its id.
    front.push(`"_id":"${keyToId(parsed["_key"])}"`);
    takeOut.push("_id", "_key");
  }
  if (plan.options.rev !== undefined) {
    front.push(`"_rev":${plan.options.rev}`);
    takeOut.push("_rev");
  }
  if (plan.set.size > 0) {
    front.push(plan.setMembers);
    takeOut.push(...plan.set.keys());
  }
  for (const field of takeOut)
    if (lookUp(parsed, field) !== undefined) json = changeMember(json, field, () => null);
  return putInFront(json, front);
}

/** Whether a record's text says its time, as far as the options look for one. */
export function saysTime(text: string, plan: ImportPlan): boolean {
  try {
    return isThere(lookUp(parseObject(text), plan.tsField ?? "_ts"));
  } catch (error) {
    // A bad record is rejected on its own; it says nothing about the file.
    if (error instanceof EpsilonError) return true;
    throw error;
  }
}

/** A field of an object: by its name, or by its path through nested ones. */
function lookUp(object: JsonObject, field: string): unknown {
  if (Object.hasOwn(object, field)) return object[field];
  let dot = field.indexOf(".");
  for (; dot !== -1; dot = field.indexOf(".", dot + 1)) {
    const head = field.slice(0, dot);
    const inner = Object.hasOwn(object, head) ? object[head] : undefined;
    if (isObject(inner)) {
      const found = lookUp(inner, field.slice(dot + 1));
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function parseObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new EpsilonError("bad_json", `not JSON: ${why.slice(0, 200)}`, { cause });
  }
  if (!isObject(value)) throw new EpsilonError("not_an_object", "an event is a JSON object");
  return value;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function putInFront(json: string, members: readonly string[]): string {
  if (members.length === 0) return oneLine(json);
  const rest = json.slice(json.indexOf("{") + 1);
  const isEmpty = rest.trimStart().startsWith("}");
  return oneLine(`{${members.join(",")}${isEmpty ? "" : ","}${rest}`);
}

/** Line ends stand only between tokens of valid JSON. */
function oneLine(json: string): string {
  return json.includes("\n") || json.includes("\r") ? json.replace(/[\r\n]+/g, " ") : json;
}

/** The rejection of a record without its time. */
export function missingTime(field: string): EpsilonError {
  return new EpsilonError("missing_timestamp", `the record has no ${field}`);
}
