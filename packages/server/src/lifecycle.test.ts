/** Starting, closing, TLS, and what comes over the wire that is no request. */

import assert from "node:assert/strict";
import { once } from "node:events";
import * as http from "node:http";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { createNodeEnv } from "@epsilon/env";
import type { WriteAnswer } from "@epsilon/store";
import { deferred, event, Fixture, fakeStore, portOf, readReply, withServer } from "./fixture.ts";
import { createServer } from "./server.ts";

const path = "/v1/collections/events/events";
const answer: WriteAnswer = {
  received: 1,
  stored: 1,
  duplicates: 0,
  rejected: [],
  conflicts: [],
  cursor: null,
  snapshotted: null,
};

async function plainSocket(fixture: Fixture): Promise<Socket> {
  const socket = connect(fixture.port, "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

async function readAll(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text;
}

test("an idle server closes at once, whatever connections are open", () =>
  withServer({}, async (fixture) => {
    await fixture.post(path, event(1));
    const silent = await plainSocket(fixture);
    const halfway = await plainSocket(fixture);
    halfway.write("GET /healthz HTTP/1.1\r\nHost: 127");
    await fixture.get("/healthz");
    const started = performance.now();
    await Promise.all([fixture.server.close(), fixture.server.close()]);
    assert.ok(performance.now() - started < 1000);
    silent.destroy();
    halfway.destroy();
    await assert.rejects(fixture.ask("GET", "/healthz", { agent: new http.Agent() }), {
      code: "ECONNREFUSED",
    });
  }));

test("what runs may finish, and its connection is closed after it", async () => {
  const begun = deferred();
  const release = deferred();
  const store = fakeStore({
    async write() {
      begun.resolve();
      await release.promise;
      return answer;
    },
  });
  await withServer({ store }, async (fixture) => {
    const running = fixture.post(path, "{}");
    await begun.promise;
    const closing = fixture.server.close();
    await assert.rejects(fixture.ask("GET", "/healthz", { agent: new http.Agent() }), {
      code: "ECONNREFUSED",
    });
    release.resolve();
    const reply = await running;
    assert.deepEqual([reply.status, reply.headers["connection"]], [200, "close"]);
    await closing;
  });
});

test("what does not finish in time is broken off", async () => {
  const begun = deferred();
  const store = fakeStore({
    write: () => {
      begun.resolve();
      return new Promise<never>(() => undefined);
    },
  });
  await withServer({ store, limits: { closeMs: 10 } }, async (fixture) => {
    const running = fixture.post(path, "{}");
    const broken = assert.rejects(running, { code: "ECONNRESET" });
    await begun.promise;
    await fixture.server.close();
    await broken;
  });
});

test("tails end when the server closes, so that their readers come back elsewhere", () =>
  withServer({}, async (fixture) => {
    await fixture.post(path, event(1));
    const request = fixture.begin("GET", "/v1/collections/events/tail");
    request.end();
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    const reading = readReply(response);
    const started = performance.now();
    await fixture.server.close();
    assert.match((await reading).text, /^retry/);
    assert.ok(performance.now() - started < 1000);
  }));

test("what is no HTTP is answered in the form of all errors", () =>
  withServer({}, async (fixture) => {
    const cases: readonly [string, number][] = [
      ["nonsense\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nbad header\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\n\r\n", 400],
      [`GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${"x".repeat(40_000)}\r\n\r\n`, 431],
      [
        "POST /v1/collections/a/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
      ],
    ];
    for (const [text, status] of cases) {
      const socket = await plainSocket(fixture);
      const reading = readAll(socket);
      socket.write(text);
      const reply = await reading;
      const [head = "", body = ""] = reply.split("\r\n\r\n");
      assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `), text.slice(0, 50));
      assert.match(head, /^epsilon-instance: \S+\/\S+/im);
      assert.equal(JSON.parse(body).error.code, "bad_request");
      assert.ok(body.endsWith("}\n"));
    }
    assert.equal((await fixture.get("/healthz")).status, 200);
  }));

test("requests on one connection are answered in order", () =>
  withServer({}, async (fixture) => {
    const socket = await plainSocket(fixture);
    const reading = readAll(socket);
    const request = (target: string, more = ""): string =>
      `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
    socket.write(request("/healthz") + request("/nothing") + request("/readyz", "Connection: close\r\n"));
    const statuses = [...(await reading).matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    assert.deepEqual(statuses, ["200", "404", "200"]);
  }));

test("headers that come too slowly are given up", () =>
  withServer({ limits: { headersMs: 50, requestMs: 50 } }, async (fixture) => {
    const socket = await plainSocket(fixture);
    socket.write("GET /healthz HTTP/1.1\r\nHost: 127");
    assert.match(await readAll(socket), /^HTTP\/1\.1 408 /);
  }));

test("a port that is taken, an address that is none, and one that is not safe", async () => {
  const other = http.createServer();
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  const start = (host: string, port: number): Promise<unknown> =>
    createServer(createNodeEnv({ report: () => {} }), {
      store: fakeStore({}),
      listen: { host, port },
      allowOrigins: [],
      insecure: false,
      version: "1",
    });
  await assert.rejects(start("127.0.0.1", portOf(other)), { code: "address_in_use" });
  await assert.rejects(start("0.0.0.0", 0), { code: "insecure_address" });
  other.close();
});

test("origins that are none are refused at the start", async () => {
  await assert.rejects(Fixture.open({ allowOrigins: ["shop.example"], store: fakeStore({}) }), {
    code: "bad_request",
  });
});

// Made for this test: self-signed, for localhost, good for a hundred years.
const tls = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBfjCCASWgAwIBAgIUfYoxJHj4ahbiBXJl45EBQTR1P9AwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzE1NTQ1MFoYDzIxMjYxMDMw
MTU1NDUwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARh9BAxSW0kMcaPrmV9oBi3KAedK0t0rZs7hF1wx4IRdfqjjQWpaSNh
x3Wkxu8fUq3bNlLJDIqiSjTIYyIO6K3To1MwUTAdBgNVHQ4EFgQUNMNtcPaFkjLD
tVF8hFzsoG4xyXgwHwYDVR0jBBgwFoAUNMNtcPaFkjLDtVF8hFzsoG4xyXgwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAxtkiV1Zpgt9oT4mMKdzl3
gYaFzLED/GG6oDZayHEzRAIgPXbUkLtFVu6AL0ykxXCs+NQO9avMD9s2BitnhvNQ
yq4=
-----END CERTIFICATE-----`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDlAdRq9OQ3QsfRyY
aa58tkz4O6ZdJ7JiYYXF4mPnvnmhRANCAARh9BAxSW0kMcaPrmV9oBi3KAedK0t0
rZs7hF1wx4IRdfqjjQWpaSNhx3Wkxu8fUq3bNlLJDIqiSjTIYyIO6K3T
-----END PRIVATE KEY-----`,
};

test("TLS", () =>
  withServer({ tls }, async (fixture) => {
    assert.match(fixture.server.address.url, /^https:\/\/127\.0\.0\.1:\d+$/);
    assert.equal((await fixture.post(path, event(1))).status, 200);
    const origin = `https://127.0.0.1:${fixture.port}`;
    assert.equal((await fixture.get("/v1/collections", { origin })).status, 200);
    assert.equal(
      (await fixture.get("/v1/collections", { origin: origin.replace("https", "http") })).status,
      403,
    );
    const started = performance.now();
    await fixture.server.close();
    assert.ok(performance.now() - started < 1000);
  }));

test("a certificate that does not work is said so", async () => {
  await assert.rejects(Fixture.open({ tls: { cert: "no", key: "no" }, store: fakeStore({}) }), {
    code: "usage",
  });
});
