/** Bodies: encodings both ways, bombs, limits, the budget, senders that are slow, gone or polite. */

import assert from "node:assert/strict";
import { once } from "node:events";
import type * as http from "node:http";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import type { WriteRequest } from "@epsilon/store";
import { Zstd } from "@hpcc-js/wasm-zstd";
import { ZSTDDecoder } from "zstddec";
import { deferred, event, type Fixture, fakeStore, lines, ndjson, readReply, withServer } from "./fixture.ts";

const path = "/v1/collections/events/events";
const zstd = await Zstd.load();
const zstdDecoder = new ZSTDDecoder();
await zstdDecoder.init();

const answer = {
  received: 1,
  stored: 1,
  duplicates: 0,
  rejected: [],
  conflicts: [],
  cursor: null,
  snapshotted: null,
};

/** A store that only remembers what it was given. */
function recordingStore(): { readonly store: ReturnType<typeof fakeStore>; readonly bodies: Uint8Array[] } {
  const bodies: Uint8Array[] = [];
  const write = async (request: WriteRequest): Promise<typeof answer> => {
    bodies.push(Uint8Array.from(request.body));
    return answer;
  };
  return { store: fakeStore({ write }), bodies };
}

const batch = ndjson(Array.from({ length: 200 }, (_, index) => event(index, { path: `/page/${index}` })));

/** Bytes that do not compress, and are the same every time. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

const encoders: readonly [string, (body: Uint8Array) => Uint8Array][] = [
  ["gzip", (body) => gzipSync(body)],
  ["x-gzip", (body) => gzipSync(body)],
  ["GZIP", (body) => Buffer.concat([gzipSync(body.subarray(0, 5)), gzipSync(body.subarray(5))])],
  ["zstd", (body) => zstd.compress(body, 3)],
  [
    "zstd",
    (body) => Buffer.concat([zstd.compress(body.subarray(0, 9), 1), zstd.compress(body.subarray(9), 1)]),
  ],
  ["identity", (body) => body],
];

test("bodies come plain, as gzip and as zstd", async () => {
  const { store, bodies } = recordingStore();
  await withServer({ store }, async (fixture) => {
    for (const body of [Buffer.from(batch), Buffer.from("{}"), noise(300_000)]) {
      for (const [name, encode] of encoders) {
        const reply = await fixture.post(path, encode(body), { "content-encoding": name });
        assert.equal(reply.status, 200, `${name}: ${reply.text}`);
        assert.deepEqual(Buffer.from(bodies.pop() ?? []), body);
      }
    }
  });
});

test("what does not decode is refused", async () => {
  const { store, bodies } = recordingStore();
  await withServer({ store }, async (fixture) => {
    const gzipped = gzipSync(noise(100_000));
    const packed = Buffer.from(zstd.compress(noise(100_000), 3));
    const broken = (bytes: Buffer): Buffer =>
      Buffer.from(bytes.map((byte, index) => (index === 50 ? byte ^ 255 : byte)));
    const cases: readonly [string, Uint8Array][] = [
      ["gzip", Buffer.from(batch)],
      ["gzip", gzipped.subarray(0, -100)],
      ["gzip", broken(gzipped)],
      ["gzip", Buffer.concat([gzipped, Buffer.from("more")])],
      ["zstd", Buffer.from(batch)],
      ["zstd", packed.subarray(0, -100)],
    ];
    for (const [name, body] of cases) {
      const reply = await fixture.post(path, body, { "content-encoding": name });
      assert.deepEqual([reply.status, reply.code], [400, "bad_encoding"], reply.text);
    }
    for (const name of ["br", "gzip, gzip", "deflate"]) {
      const reply = await fixture.post(path, batch, { "content-encoding": name });
      assert.deepEqual([reply.status, reply.code], [415, "unsupported_encoding"]);
      assert.equal(reply.headers["accept-encoding"], "gzip, zstd");
    }
    assert.equal(bodies.length, 0);
  });
});

test("a body that decodes to more than the limit is refused before it takes the memory", async () => {
  const { store, bodies } = recordingStore();
  await withServer({ store }, async (fixture) => {
    const zeros = Buffer.alloc(200 * 1024 * 1024);
    for (const [name, bomb] of [
      ["gzip", gzipSync(zeros, { level: 9 })],
      ["zstd", zstd.compress(zeros, 3)],
    ] as const) {
      assert.ok(bomb.length < 1024 * 1024);
      const reply = await fixture.post(path, bomb, { "content-encoding": name });
      assert.deepEqual([reply.status, reply.code], [413, "body_too_large"], name);
    }
    assert.equal(bodies.length, 0);
    assert.equal((await fixture.post(path, "{}")).status, 200);
  });
});

test("100 MB are refused, and the sender sees why", async () => {
  const { store, bodies } = recordingStore();
  await withServer({ store }, async (fixture) => {
    const body = Buffer.alloc(100_000_000, 0x20);
    const announced = await fixture.post(path, body, { "content-length": body.length });
    assert.deepEqual([announced.status, announced.code], [413, "body_too_large"]);
    const chunked = await fixture.post(path, body, { "transfer-encoding": "chunked" });
    assert.deepEqual([chunked.status, chunked.code], [413, "body_too_large"]);
    assert.equal(bodies.length, 0);
  });
});

test("64 MiB exactly are taken", async () => {
  const { store, bodies } = recordingStore();
  await withServer({ store }, async (fixture) => {
    const body = Buffer.alloc(64 * 1024 * 1024, 0x20);
    assert.equal((await fixture.post(path, body)).status, 200);
    assert.equal(bodies[0]?.length, body.length);
  });
});

test("bodies beyond the budget get 429 and Retry-After, and the budget is given back", async () => {
  const release = deferred();
  const started = deferred();
  const store = fakeStore({
    async write() {
      started.resolve();
      await release.promise;
      return answer;
    },
  });
  const limits = { inFlightBytesMax: 1000 };
  await withServer({ store, limits }, async (fixture) => {
    const first = fixture.post(path, "x".repeat(600));
    await started.promise;
    const second = await fixture.post(path, "x".repeat(600));
    assert.deepEqual([second.status, second.code], [429, "overloaded"]);
    assert.ok(Number(second.headers["retry-after"]) >= 1);
    assert.equal((await fixture.get("/healthz")).status, 200);
    release.resolve();
    assert.equal((await first).status, 200);
    for (let round = 0; round < 5; round += 1) {
      assert.equal((await fixture.post(path, "x".repeat(900))).status, 200);
      assert.equal((await fixture.post(path, "x".repeat(1100))).status, 429);
    }
  });
});

test("questions have a smaller limit than events", () =>
  withServer({}, async (fixture) => {
    await fixture.post(path, event(1));
    const reply = await fixture.post("/v1/collections/events/query", `{"q":"${" ".repeat(1_100_000)}"}`);
    assert.deepEqual([reply.status, reply.code], [413, "body_too_large"]);
  }));

test("a batch has 100,000 events at most", () =>
  withServer({}, async (fixture) => {
    const reply = await fixture.post(path, "{}".repeat(100_001));
    assert.deepEqual([reply.status, reply.code], [413, "too_many_events"]);
  }));

test("a sender that breaks off writes nothing, and gives its memory back", async () => {
  const { store, bodies } = recordingStore();
  await withServer({ store, limits: { inFlightBytesMax: 1000 } }, async (fixture) => {
    for (let round = 0; round < 5; round += 1) {
      const request = fixture.begin("POST", path, { headers: { "content-length": 900 } });
      request.on("error", () => undefined);
      await new Promise((resolve) => request.write("x".repeat(800), resolve));
      request.destroy();
    }
    await until(fixture, async () => (await fixture.post(path, "y".repeat(999))).status === 200);
    assert.deepEqual(
      bodies.map((body) => body.length),
      [999],
    );
  });
});

async function until(fixture: Fixture, condition: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < 200; round += 1) {
    if (await condition()) return;
    await fixture.get("/healthz");
  }
  assert.fail("it did not come true");
}

test("a body that comes in drops is whole", async () => {
  const { store, bodies } = recordingStore();
  await withServer({ store }, async (fixture) => {
    const request = fixture.begin("POST", path);
    const response = once(request, "response") as Promise<[http.IncomingMessage]>;
    for (const character of "0123456789") {
      request.write(character);
      await fixture.get("/healthz");
    }
    request.end();
    assert.equal((await readReply((await response)[0])).status, 200);
    assert.equal(Buffer.from(bodies[0] ?? []).toString(), "0123456789");
  });
});

test("a sender that asks first (Expect: 100-continue) sends nothing that is refused", async () => {
  const { store, bodies } = recordingStore();
  await withServer({ store }, async (fixture) => {
    const headers = { expect: "100-continue", "content-length": 2 };
    const accepted = fixture.begin("POST", path, { headers });
    accepted.flushHeaders();
    const answered = once(accepted, "response") as Promise<[http.IncomingMessage]>;
    await once(accepted, "continue");
    accepted.end("{}");
    assert.equal((await readReply((await answered)[0])).status, 200);
    assert.equal(bodies.length, 1);
    const refused = fixture.begin("POST", path, { headers: { ...headers, "content-length": 200_000_000 } });
    refused.on("continue", () => assert.fail("it was asked to send"));
    refused.on("error", () => undefined);
    refused.flushHeaders();
    const [response] = (await once(refused, "response")) as [http.IncomingMessage];
    assert.deepEqual([(await readReply(response)).code], ["body_too_large"]);
    refused.destroy();
  });
});

test("a large answer is encoded as the caller likes it", () =>
  withServer({}, async (fixture) => {
    await fixture.post(path, batch);
    const query = "/v1/collections/events/query?q=LIMIT+200";
    for (const url of [path, query, "/openapi.json", "/"]) {
      const plain = await fixture.get(url);
      assert.equal(plain.headers["content-encoding"], undefined);
      const check = (text: string, name: string): void => {
        if (url === query) assert.equal(JSON.parse(text).events.length, 200, name);
        else assert.equal(text, plain.text, `${url} ${name}`);
      };
      for (const accept of ["gzip", "gzip, deflate, br, zstd", "zstd;q=0.5, gzip", "*", "x-gzip"]) {
        const reply = await fixture.get(url, { "accept-encoding": accept });
        assert.equal(reply.headers["content-encoding"], "gzip", accept);
        assert.match(String(reply.headers["vary"]), /Accept-Encoding/);
        check(gunzipSync(reply.bytes).toString(), accept);
      }
      for (const accept of ["zstd", "zstd, gzip;q=0.9", "gzip;q=0, *"]) {
        const reply = await fixture.get(url, { "accept-encoding": accept });
        assert.equal(reply.headers["content-encoding"], "zstd", accept);
        check(Buffer.from(zstdDecoder.decode(reply.bytes, 10_000_000)).toString(), accept);
      }
      for (const accept of ["br", "identity", "gzip;q=0", ""]) {
        const reply = await fixture.get(url, { "accept-encoding": accept });
        assert.equal(reply.headers["content-encoding"], undefined, accept);
        check(reply.text, accept);
      }
    }
    const small = await fixture.get("/healthz", { "accept-encoding": "gzip" });
    assert.equal(small.headers["content-encoding"], undefined);
    assert.equal(lines((await fixture.get(path)).text).length, 200);
  }));
