/** The operations on one collection, as `openapi.json` describes them. */

import {
  answer,
  count,
  inHeader,
  inQuery,
  type JsonObject,
  jsonBody,
  list,
  object,
  operation,
  parameter,
  schema,
  text,
} from "./build.ts";

const event = {
  _ts: "2026-01-01T12:00:00Z",
  _id: "5f0c3c1e-7d0b-4f3c-9a51-0d7f5f0e1a01",
  path: "/",
  status: 200,
};
const stored = { ...event, _ts: "2026-01-01T12:00:00.000000Z" };
const key = { _ts: stored._ts, _id: stored._id };
const written = {
  received: 3,
  stored: 2,
  duplicates: 1,
  rejected: [],
  conflicts: [],
  cursor: null,
  snapshotted: null,
};
const queryAnswer = {
  query: { columns: [{ aggregate: "count" }], group_by: [{ field: "host" }] },
  summary: [{ host: "web-1", count: 12 }],
  meta: { instance: "0b7c/5e1f", elapsed_ms: 3.2, events_scanned: 12, notes: [] },
};
const ndjson = (item: JsonObject): JsonObject => ({
  type: "string",
  description: "One JSON object a line. Broken off, never ended cleanly, if it fails.",
  contentSchema: item,
});

const writing = operation({
  id: "writeEvents",
  tag: "writing",
  summary: "Write events",
  description:
    "JSON objects one after another, with or without newlines, or an array. Content-Type is not looked at. Answered when " +
    "the events are durable and can be queried. A bad event is rejected alone. With a source, events and cursor are " +
    "stored together or not at all; an empty body moves the cursor. Any token that may append or write will do; one that " +
    "may only append takes no _rev, no _deleted and no source, and may be given as ?token=.",
  scope: "append",
  parameters: [
    inQuery(
      "wait",
      text("durable: answered as soon as it is durable, without counts", { enum: ["applied", "durable"] }),
    ),
    inQuery("token", text("A token that may only append, where headers cannot be set (sendBeacon)")),
    parameter("contentEncoding"),
    parameter("epsilonSource"),
    parameter("epsilonAfter"),
    parameter("epsilonCursor"),
    parameter("epsilonGap"),
  ],
  body: {
    required: true,
    content: {
      "application/x-ndjson": {
        schema: ndjson(schema("Event")),
        example: `${JSON.stringify(event)}\n{"path":"/a"}\n`,
      },
      "application/json": { schema: { oneOf: [schema("Event"), list(schema("Event"))] }, example: [event] },
    },
  },
  answers: {
    200: answer("Stored.", { schema: schema("WriteAnswer"), example: written }),
    422: answer("No source, and every event is rejected.", {
      schema: schema("WriteAnswer"),
      example: {
        ...written,
        received: 1,
        stored: 0,
        duplicates: 0,
        rejected: [{ index: 0, code: "bad_timestamp", message: "_ts is …: seconds? microseconds?" }],
      },
    }),
  },
  errors: [
    "bad_json",
    "bad_utf8",
    "empty_body",
    "bad_encoding",
    "bad_collection",
    "bad_source",
    "bad_cursor",
    "bad_gap",
    "bad_request",
    "forbidden_field",
    "cursor_mismatch",
    "body_too_large",
    "too_many_events",
    "unsupported_encoding",
    "overloaded",
    "disk_full",
    "store_failed",
  ],
});

const reading = operation({
  id: "readEvents",
  tag: "reading",
  summary: "Raw events in key order, as NDJSON of any size",
  scope: "read",
  parameters: [
    parameter("start"),
    parameter("end"),
    parameter("filter"),
    inQuery("order", text("By time and id; asc unless given", { enum: ["asc", "desc"] })),
    inQuery("limit", { type: "integer", minimum: 1, description: "All of them unless given" }),
    inQuery("after", text("The Epsilon-Next of the answer before")),
  ],
  answers: {
    200: answer("The events.", {
      type: "application/x-ndjson",
      schema: ndjson(schema("StoredEvent")),
      example: `${JSON.stringify(stored)}\n`,
      headers: { "Epsilon-Next": { $ref: "#/components/headers/Epsilon-Next" } },
    }),
  },
  errors: ["bad_request", "bad_query", "unknown_collection", "query_out_of_memory", "closed"],
});

const deleting = operation({
  id: "deleteEvents",
  tag: "writing",
  summary: "Delete events by their keys, or by a filter (scope admin)",
  scope: "write",
  body: jsonBody(
    { oneOf: [object({ keys: list(schema("Key")) }), object({ filter: text("What stands after WHERE") })] },
    { keys: { keys: [key] }, filter: { filter: "user_id = 7" } },
  ),
  answers: {
    200: answer("Tombstones stand in their place.", {
      schema: object({ deleted: count("Events that are no more") }),
      example: { deleted: 1 },
    }),
  },
  errors: [
    "bad_request",
    "bad_json",
    "bad_query",
    "unknown_collection",
    "too_many_events",
    "overloaded",
    "disk_full",
  ],
});

const queryErrors = [
  "bad_request",
  "bad_query",
  "unknown_collection",
  "query_too_large",
  "query_timeout",
  "query_out_of_memory",
] as const;
const queryAnswers = {
  200: answer("What was found.", { schema: schema("QueryAnswer"), example: queryAnswer }),
};

const postingQuery = operation({
  id: "postQuery",
  tag: "reading",
  summary: "Ask by a query object, or by the query language",
  scope: "read",
  parameters: [parameter("timeout")],
  body: jsonBody(
    { oneOf: [schema("Query"), schema("QueryText")] },
    {
      object: {
        columns: [{ aggregate: "count" }],
        group_by: [{ field: "host" }],
        time_range: { start: "7d" },
      },
      language: { q: "SELECT count GROUP BY host SINCE 7d" },
    },
  ),
  answers: queryAnswers,
  errors: [...queryErrors, "bad_json"],
});

const gettingQuery = operation({
  id: "getQuery",
  tag: "reading",
  summary: "Ask by the query language, to paste into a browser",
  scope: "read",
  parameters: [
    inQuery("q", text("The query"), { required: true, example: "SELECT count GROUP BY host SINCE 7d" }),
    inQuery("sources", { type: "boolean", description: "Says in meta how far each source has come" }),
    parameter("timeout"),
  ],
  answers: queryAnswers,
  errors: queryErrors,
});

const tailing = operation({
  id: "tailEvents",
  tag: "reading",
  summary: "New events as they come, as server-sent events",
  description:
    "Each has an id; a reader that comes back with it as Last-Event-ID goes on after it, at least once.",
  scope: "read",
  parameters: [
    parameter("filter"),
    inHeader("Last-Event-ID", text("Go on after this id; from now on if absent")),
    inQuery("last_event_id", text("The same, where headers cannot be set")),
  ],
  answers: {
    200: answer("The stream.", {
      type: "text/event-stream",
      schema: { type: "string" },
      example: `id: 1f0c\ndata: ${JSON.stringify(stored)}\n\n`,
    }),
  },
  errors: ["bad_request", "bad_query", "unknown_collection", "overloaded"],
});

const listingFields = operation({
  id: "listFields",
  tag: "collections",
  summary: "The fields of a collection, and their types",
  scope: "read",
  answers: {
    200: answer("The fields.", {
      schema: object({ fields: list(schema("Field")) }),
      example: { fields: [{ name: "status", types: ["number"], events: 12 }] },
    }),
  },
  errors: ["bad_collection", "unknown_collection"],
});

const dropping = operation({
  id: "dropCollection",
  tag: "collections",
  summary: "Forget a collection on this instance: events, tombstones, cursors",
  description: "Sources that still have the events send them again.",
  scope: "admin",
  answers: {
    200: answer("It is gone.", {
      schema: object({ dropped: text("The collection") }),
      example: { dropped: "events" },
    }),
  },
  errors: ["bad_collection", "unknown_collection"],
});

const underCollection = { parameters: [parameter("collection")] };

export const eventPaths: Readonly<Record<string, JsonObject>> = {
  "/v1/collections/{c}": { ...underCollection, delete: dropping },
  "/v1/collections/{c}/fields": { ...underCollection, get: listingFields },
  "/v1/collections/{c}/events": { ...underCollection, post: writing, get: reading },
  "/v1/collections/{c}/delete": { ...underCollection, post: deleting },
  "/v1/collections/{c}/query": { ...underCollection, post: postingQuery, get: gettingQuery },
  "/v1/collections/{c}/tail": { ...underCollection, get: tailing },
};
