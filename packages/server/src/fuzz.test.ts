/** Whatever is asked, the answer is a good one or an error of ours in its one form, and the server goes on. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { errors } from "@epsilon/model";
import fc from "fast-check";
import { event, ndjson, uuid, withServer } from "./fixture.ts";
import { routes } from "./routes/table.ts";

const printable = fc.stringMatching(/^[ -~]{0,40}$/);
const segment = fc.oneof(
  fc.constantFrom("events", "nobody", "..", "%2e%2e%2f", "%00", "a%22b"),
  printable.map(encodeURIComponent),
);
const path = fc.oneof(
  fc
    .tuple(fc.constantFrom(...routes.map((route) => route.path)), segment)
    .map(([pattern, part]) => pattern.replace(/\{\w+\}/, part)),
  fc.array(segment, { maxLength: 6 }).map((parts) => `/${parts.join("/")}`),
);
const parameterName = fc.constantFrom(
  "q",
  "filter",
  "start",
  "end",
  "order",
  "limit",
  "after",
  "wait",
  "source",
  "timeout",
  "token",
  "x",
);
const value = fc.oneof(
  fc.constantFrom(
    "1",
    "asc",
    "durable",
    "7d",
    "2026-01-01",
    "SELECT%20count",
    "status%20%3D%201",
    "-1",
    "1e9",
    "%zz",
    "",
  ),
  printable.map(encodeURIComponent),
);
const query = fc.array(fc.tuple(parameterName, value), { maxLength: 3 });
const headerName = fc.constantFrom(
  "epsilon-source",
  "epsilon-after",
  "epsilon-cursor",
  "epsilon-gap",
  "content-encoding",
  "accept-encoding",
  "last-event-id",
  "origin",
  "authorization",
  "content-type",
);
const headerValue = fc.oneof(
  fc.constantFrom("gzip", "zstd", "*", "s:1:a", "s:2:b", "0..1; lost", "web", "http://127.0.0.1"),
  printable,
);
const headers = fc.array(fc.tuple(headerName, headerValue), { maxLength: 3 });
const json = fc.json().map((text) => Buffer.from(text));
const body = fc.oneof(
  json,
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(
    Buffer.from(ndjson([event(1), event(2, { status: 1 })])),
    Buffer.from(JSON.stringify({ keys: [{ _ts: "2026-01-01T00:00:01Z", _id: uuid(1) }] })),
    Buffer.from('{"q":"SELECT count"}'),
  ),
);
const method = fc.constantFrom("GET", "POST", "DELETE", "HEAD", "PUT", "OPTIONS");

test("nothing that is asked makes the server say that it is wrong", () =>
  withServer({}, async (fixture) => {
    const asked = fc.record({ method, path, query, headers, body });
    await fc.assert(
      fc.asyncProperty(asked, async (request) => {
        // A tail that is right does not end.
        fc.pre(!/\/tail$/.test(request.path));
        const url = `${request.path}?${request.query.map(([name, text]) => `${name}=${text}`).join("&")}`;
        const sends = request.method === "POST" || request.method === "PUT";
        const reply = await fixture.ask(request.method, url, {
          headers: Object.fromEntries(request.headers),
          ...(sends ? { body: request.body } : {}),
        });
        assert.equal(reply.headers["epsilon-instance"]?.includes("/"), true);
        assert.ok(reply.status < 500 || reply.status === 501, `${reply.status} ${reply.text}`);
        if (reply.status < 400 || reply.status === 422 || request.method === "HEAD") return;
        const { code = "", message } = reply.json["error"] as {
          code?: keyof typeof errors;
          message?: string;
        };
        assert.equal(code !== "" && errors[code].status, reply.status, reply.text);
        assert.ok(message !== undefined && message.length > 5);
      }),
      { numRuns: 1000 },
    );
    assert.deepEqual(fixture.reports, []);
  }));
