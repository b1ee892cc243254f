/** Every row of the table of paths, over real HTTP and a real store. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError, EpsilonError } from "@epsilon/model";
import { event, fakeStore, lines, ndjson, uuid, withServer } from "./fixture.ts";

const events = "/v1/collections/events/events";

test("the open pages answer without a token", () =>
  withServer({}, async (fixture) => {
    const health = await fixture.get("/healthz");
    assert.deepEqual([health.status, health.json], [200, { status: "ok" }]);
    assert.deepEqual((await fixture.get("/readyz")).json, { status: "ready" });
    const description = await fixture.get("/openapi.json");
    assert.equal(description.json["openapi"], "3.1.0");
    const { id, incarnation } = fixture.store.identity;
    assert.equal(health.headers["epsilon-instance"], `${id}/${incarnation}`);
  }));

test("readiness is the store's", async () => {
  const store = fakeStore({
    collections: () => Promise.reject(new EpsilonError("store_failed", "a durable write failed")),
  });
  await withServer({ store }, async (fixture) => {
    assert.equal((await fixture.get("/healthz")).status, 200);
    const ready = await fixture.get("/readyz");
    assert.deepEqual([ready.status, ready.code, ready.headers["retry-after"]], [503, "store_failed", "1"]);
  });
});

test("the explorer lists the collections and asks them, without script", () =>
  withServer({}, async (fixture) => {
    assert.match((await fixture.get("/")).text, /no events yet/);
    await fixture.post("/v1/collections/page_views/events", event(1));
    const page = await fixture.get("/");
    assert.equal(page.headers["content-type"], "text/html; charset=utf-8");
    assert.match(page.text, /page_views/);
    assert.match(page.text, /action="\/v1\/collections\/page_views\/query"/);
    assert.doesNotMatch(page.text, /<script|https?:\/\//);
    assert.match(String(page.headers["content-security-policy"]), /default-src 'none'/);
  }));

test("the instance says who it is", () =>
  withServer({}, async (fixture) => {
    await fixture.post(events, event(1));
    const { json } = await fixture.get("/v1/instance");
    assert.deepEqual(Object.keys(json), [
      "id",
      "incarnation",
      "restored_from",
      "version",
      "started_at",
      "now",
      "collections",
      "snapshots",
      "set_aside",
      "purging_stopped",
    ]);
    assert.deepEqual([json["version"], json["collections"], json["restored_from"]], ["1.2.3", 1, null]);
    assert.match(String(json["started_at"]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  }));

test("metrics are Prometheus text", () =>
  withServer({}, async (fixture) => {
    await fixture.post(events, ndjson([event(1), event(2)]));
    const { text, headers, status } = await fixture.get("/metrics");
    assert.equal(status, 200);
    assert.match(String(headers["content-type"]), /^text\/plain/);
    assert.match(text, /^epsilon_events_stored_total 2$/m);
    assert.match(text, /^epsilon_collection_events\{collection="events"\} 2$/m);
    assert.match(text, /^epsilon_collections 1$/m);
    assert.match(
      text,
      /^epsilon_http_requests_total\{method="POST",route="\/v1\/collections\/:c\/events",status="200"\} 1$/m,
    );
  }));

test("metrics name at most a hundred collections", async () => {
  const info = { events: 1, firstTsMicros: null, lastTsMicros: null, retentionMs: null };
  const many = Array.from({ length: 500 }, (_, index) => ({
    ...info,
    name: `c${index}`,
    bytesOnDisk: index,
  }));
  const figures = new Proxy({}, { get: () => 0 });
  const store = fakeStore({ collections: async () => many, statistics: () => figures as never });
  await withServer({ store }, async (fixture) => {
    const { text } = await fixture.get("/metrics");
    assert.equal(text.match(/^epsilon_collection_events\{/gm)?.length, 100);
    assert.match(text, /^epsilon_collection_bytes\{collection="c499"\} 499$/m);
    assert.match(text, /^epsilon_collections 500$/m);
  });
});

test("collections and fields", () =>
  withServer({}, async (fixture) => {
    assert.deepEqual((await fixture.get("/v1/collections")).json, { collections: [] });
    await fixture.post(events, ndjson([event(1, { status: 200 }), event(2, { status: "ok", bot: true })]));
    const { collections } = (await fixture.get("/v1/collections")).json as {
      collections: Record<string, unknown>[];
    };
    const [info] = collections;
    assert.deepEqual(
      { ...info, bytes_on_disk: 0 },
      {
        name: "events",
        events: 2,
        first_ts: "2026-01-01T00:00:01.000000Z",
        last_ts: "2026-01-01T00:00:02.000000Z",
        bytes_on_disk: 0,
        retention: null,
      },
    );
    const { fields } = (await fixture.get("/v1/collections/events/fields")).json as {
      fields: { name: string; types: string[]; events: number }[];
    };
    const status = fields.find(({ name }) => name === "status");
    assert.deepEqual([[...(status?.types ?? [])].sort(), status?.events], [["number", "string"], 2]);
  }));

test("a write answers with its counts, whatever the content type", () =>
  withServer({}, async (fixture) => {
    const body = ndjson([event(1), event(2), { _ts: 5, x: 1 }]);
    const first = await fixture.post(events, body, { "content-type": "nonsense ; ; garbage" });
    assert.equal(first.status, 200);
    const { rejected, ...counts } = first.json as { rejected: Record<string, unknown>[] };
    assert.deepEqual(counts, {
      received: 3,
      stored: 2,
      duplicates: 0,
      conflicts: [],
      cursor: null,
      snapshotted: null,
    });
    assert.deepEqual(
      [rejected.length, rejected[0]?.["index"], rejected[0]?.["code"]],
      [1, 2, "bad_timestamp"],
    );
    const array = await fixture.post(events, [event(2), event(3)], { "content-type": "text/plain" });
    assert.deepEqual([array.json["stored"], array.json["duplicates"]], [1, 1]);
    const durable = await fixture.post(`${events}?wait=durable`, event(4));
    assert.deepEqual(
      [durable.json["received"], durable.json["stored"], durable.json["duplicates"]],
      [1, null, null],
    );
    assert.equal((await fixture.post(`${events}?wait=never`, event(4))).code, "bad_request");
    assert.equal(lines((await fixture.get(events)).text).length, 4);
  }));

test("a conflict is listed", () =>
  withServer({}, async (fixture) => {
    await fixture.post(events, event(1, { a: 1 }));
    const { json } = await fixture.post(events, event(1, { a: 2 }));
    const [conflict] = json["conflicts"] as { index: number; kept: string }[];
    assert.equal(conflict?.index, 0);
    assert.ok(conflict?.kept === "given" || conflict?.kept === "existing");
  }));

test("422 where no event is good; 400 where nothing is JSON; 400 for an empty body", () =>
  withServer({}, async (fixture) => {
    const refused = await fixture.post(events, ndjson([{ _ts: 5 }, { _ts: "x" }]));
    assert.deepEqual([refused.status, refused.json["received"], refused.json["stored"]], [422, 2, 0]);
    const garbage = await fixture.post(events, "this is no JSON");
    assert.deepEqual([garbage.status, garbage.code], [400, "bad_json"]);
    const empty = await fixture.post(events, "");
    assert.deepEqual([empty.status, empty.code], [400, "empty_body"]);
    assert.deepEqual((await fixture.post(events, "[]")).status, 200);
    assert.equal((await fixture.get("/v1/collections")).text, '{"collections":[]}\n');
  }));

test("delete by keys and by a filter", () =>
  withServer({}, async (fixture) => {
    await fixture.post(
      events,
      ndjson([event(1, { user_id: 7 }), event(2, { user_id: 7 }), event(3, { user_id: 8 })]),
    );
    const path = "/v1/collections/events/delete";
    const keys = [{ _ts: "2026-01-01T00:00:01Z", _id: uuid(1) }];
    assert.deepEqual((await fixture.post(path, { keys })).json, { deleted: 1 });
    assert.deepEqual((await fixture.post(path, { filter: "user_id = 7" })).json, { deleted: 1 });
    assert.deepEqual((await fixture.post(path, { keys: [] })).json, { deleted: 0 });
    assert.equal(lines((await fixture.get(events)).text).length, 1);
    const bad: readonly [unknown, string][] = [
      [{}, "bad_request"],
      [{ keys, filter: "a = 1" }, "bad_request"],
      [{ filter: "" }, "bad_request"],
      [{ filter: "a = " }, "bad_query"],
      [{ keys: 1 }, "bad_request"],
      [{ key: [] }, "bad_request"],
      ["{", "bad_json"],
      ["", "empty_body"],
    ];
    for (const [body, code] of bad)
      assert.equal((await fixture.post(path, body)).code, code, JSON.stringify(body));
  }));

test("queries: an object, the language, and the address bar", () =>
  withServer({}, async (fixture) => {
    await fixture.post(
      events,
      ndjson([event(1, { host: "a" }), event(2, { host: "a" }), event(3, { host: "b" })]),
    );
    const path = "/v1/collections/events/query";
    const object = { columns: [{ aggregate: "count" }], group_by: [{ field: "host" }], order_by: ["host"] };
    const expected = [
      { host: "a", count: 2 },
      { host: "b", count: 1 },
    ];
    const q = "SELECT count GROUP BY host ORDER BY host";
    const answers = [
      await fixture.post(path, object),
      await fixture.post(path, { q }),
      await fixture.get(`${path}?q=${encodeURIComponent(q)}`),
    ];
    for (const { status, json } of answers) {
      assert.equal(status, 200);
      assert.deepEqual(json["summary"], expected);
      const meta = json["meta"] as Record<string, unknown>;
      assert.equal(meta["instance"], answers[0]?.headers["epsilon-instance"]);
      assert.equal(typeof meta["elapsed_ms"], "number");
      assert.deepEqual(json["query"], answers[0]?.json["query"]);
      assert.equal("sources" in meta, false);
    }
    const raw = await fixture.get(`${path}?q=${encodeURIComponent("WHERE host = 'b'")}`);
    assert.deepEqual(raw.json["events"], [{ _ts: "2026-01-01T00:00:03.000000Z", _id: uuid(3), host: "b" }]);
    const withSources = await fixture.post(path, { ...object, sources: true });
    assert.deepEqual((withSources.json["meta"] as Record<string, unknown>)["sources"], {});
  }));

test("a query that is wrong says where", () =>
  withServer({}, async (fixture) => {
    await fixture.post(events, event(1));
    const path = "/v1/collections/events/query";
    const wrong = await fixture.post(path, { q: "SELECT count GROUP host" });
    const { line, column, code } = wrong.json["error"] as Record<string, unknown>;
    assert.deepEqual([wrong.status, code, line, typeof column], [400, "bad_query", 1, "number"]);
    assert.equal((await fixture.post(path, { collums: [] })).status, 400);
    assert.equal((await fixture.post(path, "[]")).status, 400);
    assert.equal((await fixture.get(path)).code, "bad_request");
    assert.equal((await fixture.get(`${path}?q=SELECT+count&timeout=0s`)).code, "bad_request");
    assert.equal((await fixture.get(`${path}?q=SELECT+count&timeout=1s`)).status, 200);
    assert.equal((await fixture.get(`${path}?q=SELECT+count&frobnicate=1`)).code, "bad_request");
    assert.equal((await fixture.get(`${path}?q=SELECT+count&q=SELECT+count`)).code, "bad_request");
  }));

test("dropping a collection forgets it", () =>
  withServer({}, async (fixture) => {
    await fixture.post(events, event(1));
    assert.deepEqual((await fixture.ask("DELETE", "/v1/collections/events")).json, { dropped: "events" });
    assert.equal((await fixture.get(events)).code, "unknown_collection");
    assert.equal((await fixture.ask("DELETE", "/v1/collections/events")).code, "unknown_collection");
  }));

test("an unknown collection is 404, but its sources answer", () =>
  withServer({}, async (fixture) => {
    const base = "/v1/collections/nobody";
    for (const path of [`${base}/events`, `${base}/fields`, `${base}/tail`, `${base}/query?q=SELECT+count`]) {
      const reply = await fixture.get(path);
      assert.deepEqual([reply.status, reply.code], [404, "unknown_collection"], path);
    }
    const deleted = await fixture.post(`${base}/delete`, { keys: [] });
    assert.equal(deleted.code, "unknown_collection");
    assert.deepEqual((await fixture.get(`${base}/sources`)).json, { sources: [], cursor: null });
    assert.deepEqual((await fixture.get(`${base}/sources?source=web`)).json, { sources: [], cursor: null });
  }));

test("names that are none are refused before anything happens", () =>
  withServer({}, async (fixture) => {
    for (const name of [
      "..%2Fx",
      "a%22b",
      "A",
      "%00",
      "-a",
      "a".repeat(65),
      "a".repeat(500),
      "%F0%9F%92%A9",
      "a%20b",
    ]) {
      for (const method of ["GET", "POST"]) {
        const reply = await fixture.ask(method, `/v1/collections/${name}/events`, {
          body: method === "POST" ? "{}" : "",
        });
        assert.deepEqual([reply.status, reply.code], [400, "bad_collection"], `${method} ${name}`);
      }
    }
    assert.equal((await fixture.get("/v1/collections/../x/events")).status, 404);
    assert.equal((await fixture.get("/v1/collections//events")).code, "bad_collection");
    const broken = await fixture.get("/v1/collections/%zz/events");
    assert.deepEqual([broken.status, broken.code], [400, "bad_request"]);
    assert.ok(broken.headers["epsilon-instance"]);
  }));

test("what is not built yet says so", () =>
  withServer({}, async (fixture) => {
    const asked: readonly [string, string][] = [
      ["GET", "/v1/snapshots"],
      ["POST", "/v1/snapshots"],
      ["GET", "/v1/snapshots/x"],
      ["DELETE", "/v1/snapshots/x"],
      ["POST", "/v1/snapshots/x/verify"],
      ["POST", "/v1/snapshots/x/confirm"],
    ];
    for (const [method, path] of asked) {
      const reply = await fixture.ask(method, path, { body: method === "POST" ? "{}" : "" });
      assert.deepEqual([reply.status, reply.code], [501, "not_implemented"], `${method} ${path}`);
    }
  }));

test("other paths are 404, other methods 405, and all errors look alike", () =>
  withServer({}, async (fixture) => {
    const unknown = await fixture.get("/v2/everything?token=secret");
    assert.deepEqual([unknown.status, unknown.code], [404, "not_found"]);
    assert.doesNotMatch(unknown.text, /secret/);
    const cases: readonly [string, string, string][] = [
      ["PUT", events, "POST, GET, HEAD, OPTIONS"],
      ["PATCH", "/", "GET, HEAD, OPTIONS"],
      ["DELETE", "/healthz", "GET, HEAD, OPTIONS"],
      ["PROPFIND", "/metrics", "GET, HEAD, OPTIONS"],
      ["POST", "/v1/collections", "GET, HEAD, OPTIONS"],
      ["TRACE", "/v1/instance", "GET, HEAD, OPTIONS"],
      ["GET", "/v1/collections/events/delete", "POST, OPTIONS"],
      ["HEAD", "/v1/collections/events/tail", "GET, OPTIONS"],
    ];
    for (const [method, path, allow] of cases) {
      const reply = await fixture.ask(method, path);
      const code = method === "HEAD" ? undefined : "method_not_allowed";
      assert.deepEqual([reply.status, reply.code, reply.headers["allow"]], [405, code, allow], method);
      assert.ok(reply.headers["epsilon-instance"]);
    }
    const options = await fixture.ask("OPTIONS", events);
    assert.deepEqual(
      [options.status, options.headers["allow"], options.text],
      [204, "POST, GET, HEAD, OPTIONS", ""],
    );
    assert.equal((await fixture.ask("OPTIONS", "/nothing")).status, 404);
  }));

test("HEAD answers as GET does, without the body", () =>
  withServer({}, async (fixture) => {
    await fixture.post(events, ndjson([event(1), event(2)]));
    for (const path of ["/", "/healthz", "/metrics", "/v1/collections", events, `${events}?limit=1`]) {
      const reply = await fixture.ask("HEAD", path);
      assert.deepEqual([reply.status, reply.bytes.length], [200, 0], path);
    }
    assert.ok((await fixture.ask("HEAD", `${events}?limit=1`)).headers["epsilon-next"]);
    const missing = await fixture.ask("HEAD", "/v1/collections/nobody/events");
    assert.deepEqual([missing.status, missing.bytes.length], [404, 0]);
  }));

test("the store's errors keep their status, and bugs tell nothing", async () => {
  const failing = (error: Error): Parameters<typeof withServer>[0] => ({
    store: fakeStore({ write: () => Promise.reject(error) }),
  });
  const cases: readonly [Error, number, string, string | undefined][] = [
    [new EpsilonError("disk_full", "the disk is full"), 507, "disk_full", undefined],
    [new EpsilonError("overloaded", "wait", { details: { retryAfterMs: 2500 } }), 429, "overloaded", "3"],
    [new EpsilonError("store_failed", "restart"), 503, "store_failed", "1"],
    [new EpsilonError("forbidden_field", "no _rev"), 403, "forbidden_field", undefined],
    [new TypeError("secret internals"), 500, "internal", undefined],
  ];
  for (const [error, status, code, retryAfter] of cases) {
    await withServer(failing(error), async (fixture) => {
      const reply = await fixture.post(events, "{}");
      assert.deepEqual([reply.status, reply.code, reply.headers["retry-after"]], [status, code, retryAfter]);
      assert.doesNotMatch(reply.text, /secret/);
      assert.equal(reply.headers["epsilon-instance"], "fake/1");
      assert.equal(fixture.reports.length, code === "internal" ? 1 : 0);
    });
  }
});

test("a broken invariant is reported to whoever can end the process", async () => {
  const fatal: unknown[] = [];
  const store = fakeStore({ write: () => Promise.reject(new AssertionError("unreachable")) });
  await withServer({ store, onFatal: (error) => fatal.push(error) }, async (fixture) => {
    const reply = await fixture.post(events, "{}");
    assert.deepEqual([reply.status, reply.code, fatal.length], [500, "internal", 1]);
  });
});

test("every JSON answer ends with a newline, for terminals", () =>
  withServer({}, async (fixture) => {
    const replies = await Promise.all([
      fixture.post(events, "{}"),
      fixture.post(events, "this is no JSON"),
      fixture.get("/healthz"),
      fixture.get("/nothing"),
      fixture.get("/openapi.json"),
    ]);
    for (const { text } of replies) assert.match(text, /^\{.*\}\n$/);
  }));
