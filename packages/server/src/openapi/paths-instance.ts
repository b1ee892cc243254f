/** The operations on the instance, its sources, and what is still to come, as `openapi.json` describes them. */

import {
  answer,
  count,
  type JsonObject,
  jsonBody,
  list,
  type Operation,
  object,
  operation,
  parameter,
  schema,
  text,
} from "./build.ts";

const micros = "2026-01-01T12:00:00.000000Z";
const key = { _ts: micros, _id: "5f0c3c1e-7d0b-4f3c-9a51-0d7f5f0e1a01" };
const status = (example: string): { readonly schema: JsonObject; readonly example: JsonObject } => ({
  schema: object({ status: text("ok or ready") }),
  example: { status: example },
});

const source = {
  source: "web-1/access.log",
  streams: [
    {
      stream: "day1",
      cursor: "day1:400:c4f1",
      snapshotted: null,
      gaps: [{ from: 100, to: 120, reason: "the file was cut" }],
      updated_at: micros,
    },
  ],
  received: 400,
  stored: 398,
  duplicates: 2,
  rejected: 0,
  conflicts: 0,
};

/** An operation that answers `not_implemented` for now. */
function toCome(described: Omit<Operation, "errors">): JsonObject {
  const note = "Not built yet: answers 501.";
  const description = described.description === undefined ? note : `${described.description}\n\n${note}`;
  return operation({ ...described, description, errors: ["not_implemented"] });
}

const open: Readonly<Record<string, JsonObject>> = {
  "/": {
    get: operation({
      id: "explorer",
      tag: "instance",
      summary: "A page for people",
      scope: "none",
      answers: { 200: answer("The page.", { type: "text/html", schema: { type: "string" } }) },
    }),
  },
  "/healthz": {
    get: operation({
      id: "health",
      tag: "instance",
      summary: "Whether the process is alive",
      scope: "none",
      answers: { 200: answer("It is.", status("ok")) },
    }),
  },
  "/readyz": {
    get: operation({
      id: "readiness",
      tag: "instance",
      summary: "Whether the instance can serve",
      scope: "none",
      answers: { 200: answer("It can.", status("ready")) },
      errors: ["closed", "store_failed"],
    }),
  },
  "/openapi.json": {
    get: operation({
      id: "openapi",
      tag: "instance",
      summary: "This description",
      scope: "none",
      answers: { 200: answer("OpenAPI 3.1.", { schema: { type: "object" } }) },
    }),
  },
  "/metrics": {
    get: operation({
      id: "metrics",
      tag: "instance",
      summary: "Figures for Prometheus",
      scope: "read",
      answers: {
        200: answer("Prometheus text.", {
          type: "text/plain",
          schema: { type: "string" },
          example: "epsilon_events_stored_total 400\n",
        }),
      },
    }),
  },
  "/v1/instance": {
    get: operation({
      id: "instance",
      tag: "instance",
      summary: "Who answers",
      scope: "read",
      answers: {
        200: answer("The instance.", {
          schema: schema("Instance"),
          example: {
            id: "0b7c2f9e-3c55-4a0e-9d0e-2b8f1f2a6f10",
            incarnation: "5e1f09ab",
            restored_from: null,
            version: "0.1.0",
            started_at: micros,
            now: micros,
            collections: 1,
            snapshots: null,
            set_aside: 0,
            purging_stopped: null,
          },
        }),
      },
    }),
  },
  "/v1/collections": {
    get: operation({
      id: "listCollections",
      tag: "collections",
      summary: "The collections that the caller may read",
      scope: "read",
      answers: {
        200: answer("The collections.", {
          schema: object({ collections: list(schema("Collection")) }),
          example: {
            collections: [
              {
                name: "events",
                events: 400,
                first_ts: micros,
                last_ts: micros,
                bytes_on_disk: 20480,
                retention: "90d",
              },
            ],
          },
        }),
      },
    }),
  },
};

const sources: JsonObject = {
  parameters: [parameter("collection"), parameter("source")],
  get: operation({
    id: "listSources",
    tag: "sources",
    summary: "How far each source has come",
    description: "Where there is none yet, also in an unknown collection, `cursor` is null.",
    scope: "read",
    answers: {
      200: answer("The sources.", {
        schema: object({
          sources: list(schema("Source")),
          "cursor?": {
            type: "null",
            description: "Stands there where there is no source: begin at the beginning",
          },
        }),
        example: { sources: [source] },
      }),
    },
    errors: ["bad_source", "bad_collection"],
  }),
  delete: operation({
    id: "forgetSource",
    tag: "sources",
    summary: "Forget a source that is no more; its events stay",
    scope: "admin",
    answers: {
      200: answer("It is forgotten.", {
        schema: object({ forgotten: text("The source") }),
        example: { forgotten: "web-1/access.log" },
      }),
    },
    errors: ["bad_request", "bad_source", "unknown_source"],
  }),
};

const digestPart = object({
  from: { oneOf: [schema("Key"), { type: "null" }] },
  to: { oneOf: [schema("Key"), { type: "null" }] },
  count: count("Keys in it"),
  digest: text("Equal where two instances hold the same"),
});
const ndjson = (description: string): JsonObject =>
  answer(description, { type: "application/x-ndjson", schema: { type: "string" } });

const comparing: Readonly<Record<string, JsonObject>> = {
  "/v1/collections/{c}/digest": {
    parameters: [parameter("collection")],
    post: toCome({
      id: "digest",
      tag: "comparing",
      summary: "Digests of key ranges, to compare instances by",
      scope: "read",
      body: jsonBody(
        object({
          ranges: list(schema("KeyRange")),
          "split?": { type: "integer", minimum: 1 },
          "bounds?": list(schema("Key")),
        }),
        { split: { ranges: [{ from: null, to: null }], split: 16 } },
      ),
      answers: {
        200: answer("Parts of each range.", { schema: object({ ranges: list(list(digestPart)) }) }),
      },
    }),
  },
  "/v1/collections/{c}/keys": {
    parameters: [parameter("collection")],
    post: toCome({
      id: "keys",
      tag: "comparing",
      summary: "Keys and versions in a range",
      scope: "read",
      body: jsonBody(schema("KeyRange"), { all: { from: null, to: null } }),
      answers: { 200: ndjson("One a line.") },
    }),
  },
  "/v1/collections/{c}/fetch": {
    parameters: [parameter("collection")],
    post: toCome({
      id: "fetch",
      tag: "comparing",
      summary: "Events and tombstones by key, ready to be written to another instance",
      scope: "read",
      body: jsonBody(object({ keys: list(schema("Key")) }), { keys: { keys: [key] } }),
      answers: { 200: ndjson("One a line.") },
    }),
  },
};

const snapshotAnswer = answer("The snapshot.", { schema: schema("Snapshot") });
const snapshot = (id: string, summary: string, scope: "read" | "admin"): JsonObject =>
  toCome({ id, tag: "snapshots", summary, scope, answers: { 200: snapshotAnswer } });

const snapshots: Readonly<Record<string, JsonObject>> = {
  "/v1/snapshots": {
    get: toCome({
      id: "listSnapshots",
      tag: "snapshots",
      summary: "The snapshots there are",
      scope: "read",
      answers: { 200: answer("The snapshots.", { schema: object({ snapshots: list(schema("Snapshot")) }) }) },
    }),
    post: toCome({
      id: "createSnapshot",
      tag: "snapshots",
      summary: "Begin a snapshot",
      scope: "admin",
      body: jsonBody(object({ "external?": { type: "boolean", description: "A provider's disk image" } }), {
        own: {},
        external: { external: true },
      }),
      answers: { 202: snapshotAnswer },
    }),
  },
  "/v1/snapshots/{id}": {
    parameters: [parameter("id")],
    get: snapshot("getSnapshot", "One snapshot", "read"),
    delete: snapshot("deleteSnapshot", "Delete a snapshot", "admin"),
  },
  "/v1/snapshots/{id}/verify": {
    parameters: [parameter("id")],
    post: snapshot("verifySnapshot", "Read a snapshot back and verify it", "admin"),
  },
  "/v1/snapshots/{id}/confirm": {
    parameters: [parameter("id")],
    post: snapshot("confirmSnapshot", "Say that an external snapshot is done", "admin"),
  },
};

export const instancePaths: Readonly<Record<string, JsonObject>> = {
  ...open,
  "/v1/collections/{c}/sources": sources,
  ...comparing,
  ...snapshots,
};
