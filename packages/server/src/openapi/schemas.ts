/** The schemas, parameters and headers that `openapi.json` refers to. */

import { count, inHeader, inQuery, type JsonObject, list, object, orNull, schema, text } from "./build.ts";

const cursorPattern = "^[A-Za-z0-9_-]{1,64}:(0|[1-9][0-9]{0,15}):[A-Za-z0-9_-]{1,64}$";
const timestamp = text("RFC 3339, UTC, six decimals", { examples: ["2026-01-01T12:00:00.000000Z"] });
const uuid = text("a UUID", { format: "uuid" });
const cursor = text("stream:position:check", { pattern: cursorPattern });

/** Bodies and their parts. Unknown members may be added in later releases: readers ignore them. */
export const schemas: Readonly<Record<string, JsonObject>> = {
  Error: object({
    error: object({
      code: text("For programs. The table is in docs/errors.md"),
      message: text("For people: what is wrong, and what to do"),
    }),
  }),
  CursorMismatch: object({
    error: object({ code: { const: "cursor_mismatch" }, message: text("For people") }),
    cursor: orNull({ ...cursor, description: "Where the instance stands in the stream, or null" }),
  }),
  Key: object({ _ts: timestamp, _id: uuid }, "What names an event: its time and its id."),
  Event: {
    ...object(
      {
        "_ts?": {
          ...timestamp,
          description: "RFC 3339, or milliseconds since 1970. Without it: the time of arrival",
        },
        "_id?": uuid,
        "_key?": text("Any text that names the event; its id follows from it. Not kept"),
        "_rev?": count("The higher one replaces the lower, the whole event. 0 if absent"),
        "_deleted?": { type: "boolean", description: "true: a tombstone for the key" },
      },
      "Fields are numbers, texts and booleans. Nested objects are flattened (a.b.c), arrays kept as text, null left out.",
    ),
    additionalProperties: true,
  },
  StoredEvent: {
    ...object(
      { _ts: timestamp, _id: uuid, "_rev?": count("Where it is not 0") },
      "An event as it comes back.",
    ),
    additionalProperties: { type: ["number", "string", "boolean"] },
  },
  WriteAnswer: object({
    received: count("Events in the body. Always stored + duplicates + rejected, unless wait=durable"),
    stored: orNull(count("Became the current version of their key; null with wait=durable")),
    duplicates: orNull(count("Were there already, or in a greater version; null with wait=durable")),
    rejected: list(
      object({ index: count("Place in the body"), code: text("As in errors"), message: text("For people") }),
    ),
    conflicts: list(
      object({ index: count("Place in the body"), kept: { enum: ["given", "existing"], type: "string" } }),
    ),
    cursor: orNull({ ...cursor, description: "Where the source now stands; null without a source" }),
    snapshotted: orNull({ ...cursor, description: "How far snapshots hold the stream" }),
  }),
  Instance: object({
    id: text("Of the data"),
    incarnation: text("Drawn anew at every start"),
    restored_from: orNull(text("The snapshot that the data came from")),
    version: text("The release"),
    started_at: timestamp,
    now: { ...timestamp, description: "The instance's clock" },
    collections: count("How many the caller may read"),
    snapshots: { type: ["object", "null"], description: "Where snapshots go; null: nowhere" },
    set_aside: count("Events that the tables refused and that are kept aside"),
    purging_stopped: orNull(text("Why nothing is purged although a retention is set")),
  }),
  Collection: object({
    name: schema("CollectionName"),
    events: count("How many it holds"),
    first_ts: orNull(timestamp),
    last_ts: orNull(timestamp),
    bytes_on_disk: count("About"),
    retention: orNull(text("How long events are kept, such as 90d; null: for ever")),
  }),
  CollectionName: text("a-z 0-9 _ . -, beginning with a letter or digit", {
    pattern: "^[a-z0-9][a-z0-9_.-]{0,63}$",
  }),
  Field: object({
    name: text("The field"),
    types: list({ type: "string", enum: ["number", "string", "boolean"] }),
    events: count("How many events have it"),
  }),
  Gap: object({
    from: orNull(count("After this position; null: from the beginning")),
    to: count("Up to this position"),
    reason: text("What the source said"),
  }),
  Stream: object({
    stream: text("Which life of the source"),
    cursor,
    snapshotted: orNull(cursor),
    gaps: list(schema("Gap")),
    updated_at: timestamp,
  }),
  Source: object({
    source: text("The name", { examples: ["web-1/access.log"] }),
    streams: list(schema("Stream")),
    received: count("Events, ever"),
    stored: count("Events, ever"),
    duplicates: count("Events, ever"),
    rejected: count("Events, ever"),
    conflicts: count("Events, ever"),
  }),
  Filter: {
    description: "One comparison, or any / all / not of others.",
    oneOf: [
      object({
        field: text("The field"),
        op: { enum: ["=", "!=", "<", "<=", ">", ">=", "in", "contains", "starts_with", "matches", "exists"] },
        "value?": { description: 'Matches its own type only: 500 is not "500"' },
      }),
      object({ any: list(schema("Filter")) }),
      object({ all: list(schema("Filter")) }),
      object({ not: schema("Filter") }),
    ],
  },
  Query: object({
    "columns?": list(
      object({
        aggregate: {
          enum: "count count_distinct sum avg min max stddev p50 p90 p95 p99 p999 first last rate".split(" "),
        },
        "field?": text("What is aggregated"),
        "filters?": list(schema("Filter")),
        "as?": text("The column's name in the answer"),
      }),
    ),
    "group_by?": list(
      object({
        field: text("The field, or _ts with a part"),
        "bucket?": { type: "number", description: "The width of a bucket" },
        "part?": { enum: ["hour", "weekday", "day", "month"] },
      }),
    ),
    "filters?": list(schema("Filter")),
    "time_range?": object({
      "start?": text("RFC 3339, a date, now, or 7d (that long ago); inclusive"),
      "end?": text("The same; exclusive"),
    }),
    "order_by?": list(text("A column or a group, with desc or asc")),
    "descending?": { type: "boolean", description: "Turns the whole order round" },
    "limit?": count("Groups (1,000 if absent), or events (100 if absent)"),
    "others?": { type: "boolean", description: "Adds the rest as one group, marked _others" },
    "point_size?": text("15s 1m 1h 1d 1w 1mo and multiples"),
    "timezone?": text("For parts, days and longer", { examples: ["Europe/Berlin"] }),
    "sources?": { type: "boolean", description: "Says in meta how far each source has come" },
  }),
  QueryText: object({ q: text("The query language", { examples: ["SELECT count GROUP BY host"] }) }),
  Row: { type: "object", additionalProperties: { type: ["number", "string", "boolean", "null"] } },
  QueryAnswer: object({
    query: schema("Query"),
    "summary?": list(schema("Row")),
    "series?": list(schema("Row")),
    "events?": list(schema("Row")),
    meta: object({
      instance: text("id/incarnation"),
      elapsed_ms: { type: "number" },
      events_scanned: count("Events looked at"),
      notes: list(
        object({
          code: { enum: ["unknown_field", "mixed_types", "truncated", "may_be_incomplete"] },
          message: text("For people"),
        }),
      ),
      "sources?": { type: "object", additionalProperties: list(schema("Stream")) },
    }),
  }),
  KeyRange: object(
    { from: orNull(schema("Key")), to: orNull(schema("Key")) },
    "Half-open; null: without an end.",
  ),
  Snapshot: object({ id: text("The snapshot") }),
};

const filterText = text('What stands after WHERE: status >= 500 AND path STARTS WITH "/a"');
const timeText = "RFC 3339, a date, now, or 7d (that long ago)";

/** Parameters that more than one path has, or that need many words. */
export const parameters: Readonly<Record<string, JsonObject>> = {
  collection: {
    name: "c",
    in: "path",
    required: true,
    description: "The collection. The first write makes it.",
    schema: schema("CollectionName"),
    example: "events",
  },
  id: { name: "id", in: "path", required: true, description: "The snapshot", schema: { type: "string" } },
  filter: inQuery("filter", filterText),
  start: inQuery("start", text(`From this time on: ${timeText}`)),
  end: inQuery("end", text(`Before this time: ${timeText}`)),
  timeout: inQuery("timeout", text("How long the query may take: 30s unless given", { examples: ["2m"] })),
  source: inQuery("source", text("A source", { examples: ["web-1/access.log"] })),
  contentEncoding: inHeader("Content-Encoding", text("How the body is encoded", { enum: ["gzip", "zstd"] })),
  epsilonSource: inHeader(
    "Epsilon-Source",
    text("The source of these events", { pattern: "^[A-Za-z0-9._:@/-]{1,200}$" }),
  ),
  epsilonAfter: inHeader(
    "Epsilon-After",
    text("The cursor that these events follow; left out at the beginning of a stream; * with a gap"),
  ),
  epsilonCursor: inHeader("Epsilon-Cursor", { ...cursor, description: "The cursor that they lead to" }),
  epsilonGap: inHeader("Epsilon-Gap", text("<from position|null>..<to position>; <reason>")),
};

export const headers: Readonly<Record<string, JsonObject>> = {
  "Epsilon-Instance": { description: "<id>/<incarnation> of whoever answers", schema: { type: "string" } },
  "Epsilon-Next": {
    description: "Goes into `after` for what comes next; absent at the end",
    schema: { type: "string" },
  },
  "Retry-After": { description: "Seconds", schema: { type: "integer" } },
};
