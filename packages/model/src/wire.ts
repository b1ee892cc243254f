/**
 * Events and keys as they go over the wire: JSON with `_ts` as RFC 3339, ready to be written to another instance.
 * (What is hashed is the canonical form, where `_ts` is an integer.)
 */

import { canonicalFields } from "./canonical.ts";
import { EpsilonError } from "./errors.ts";
import type { Event, EventKey } from "./event.ts";
import { formatTimestamp, parseTimestamp } from "./timestamp.ts";
import { parseUuid } from "./uuid.ts";

/** An event as one line of JSON: `_ts`, `_id`, `_rev` when not 0, `_deleted` when true, then the fields, sorted. */
export function eventToJson(event: Event): string {
  const key = keyMembers(event);
  if (event.deleted) return `{${key},"_deleted":true}`;
  const rev = event.rev === 0 ? "" : `,"_rev":${event.rev}`;
  return `{${key}${rev}${canonicalFields(event.fields)}}`;
}

/** A key as JSON: `{"_ts":"…","_id":"…"}`. */
export function keyToJson(key: EventKey): string {
  return `{${keyMembers(key)}}`;
}

/** A key from its JSON value. Throws `bad_request`, `missing_timestamp`, `bad_timestamp` or `bad_id`. */
export function parseKey(value: unknown): EventKey {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new EpsilonError("bad_request", 'a key is an object: {"_ts":"…","_id":"…"}');
  }
  const { _ts: ts, _id: id, ...others }: { _ts?: unknown; _id?: unknown } = value;
  const [other] = Object.keys(others);
  if (other !== undefined) {
    throw new EpsilonError("bad_request", `a key has _ts and _id, and no ${JSON.stringify(other)}`);
  }
  if (ts === undefined) throw new EpsilonError("missing_timestamp", "a key needs a _ts");
  if (typeof ts !== "string" && typeof ts !== "number") {
    throw new EpsilonError("bad_timestamp", "_ts is RFC 3339 or a number of milliseconds since 1970");
  }
  return { tsMicros: parseTimestamp(ts), id: parseId(id) };
}

function parseId(id: unknown): string {
  const uuid = typeof id === "string" ? parseUuid(id) : undefined;
  if (uuid !== undefined) return uuid;
  const shown = id === undefined ? "absent" : JSON.stringify(id).slice(0, 100);
  throw new EpsilonError(
    "bad_id",
    `_id is ${shown}: give a UUID such as 0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11`,
  );
}

function keyMembers(key: EventKey): string {
  return `"_ts":"${formatTimestamp(key.tsMicros)}","_id":"${key.id}"`;
}
