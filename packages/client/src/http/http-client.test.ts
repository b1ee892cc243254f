/** One instance over a simulated network: requests as described, errors with their codes, repetition, tails. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetworkRequest, NetworkResponse } from "@epsilon/env";
import { createSimEnv, noAnswer, type SimEnv, type SimHandler } from "@epsilon/env/testing";
import { EpsilonError } from "@epsilon/model";
import fc from "fast-check";
import type { FileStretch } from "../files/record-reader.ts";
import { pushEvents, type RejectedEvent } from "../push/push-events.ts";
import { createHttpClient } from "./http-client.ts";
import { isWorthRetrying, withRetry } from "./retry.ts";
import { parseServerSentEvents } from "./server-sent-events.ts";
import { isTimeLimit, withTimeLimit } from "./time-limit.ts";

const origin = "http://one:4320";

function answer(status: number, body: unknown, headers: Record<string, string> = {}): NetworkResponse {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { status, headers, body: chunksOf([text]) };
}

async function* chunksOf(
  texts: readonly string[],
  failure?: Error,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (const text of texts) yield new TextEncoder().encode(text);
  if (failure !== undefined) throw failure;
}

function clientOver(
  handler: SimHandler,
  token?: string,
): { env: SimEnv; client: ReturnType<typeof createHttpClient>; requests: NetworkRequest[] } {
  const env = createSimEnv(7);
  const requests: NetworkRequest[] = [];
  env.network.serve(origin, (request) => {
    requests.push(request);
    return handler(request);
  });
  return { env, client: createHttpClient(env, { url: `${origin}/`, token }), requests };
}

/** Lets virtual time run until something has settled. */
async function inTime<T>(env: SimEnv, work: Promise<T>): Promise<T> {
  let isDone = false;
  const watched = work.finally(() => {
    isDone = true;
  });
  watched.catch(() => undefined);
  for (let step = 0; step < 2000 && !isDone; step++) await env.advance(250);
  return watched;
}

const counts = {
  received: 2,
  stored: 2,
  duplicates: 0,
  rejected: [],
  conflicts: [],
  cursor: null,
  snapshotted: null,
};

test("requests look as described", async () => {
  const { client, requests } = clientOver(
    () => answer(200, { ...counts, deleted: 3, collections: [], sources: [] }),
    "secret",
  );
  const body = new TextEncoder().encode("{}");
  await client.write("views", body, {
    wait: "durable",
    claim: { source: "a/b", after: "s:1:x", cursor: "s:2:y" },
  });
  await client.query("views", "SELECT count");
  await client.query("views", { limit: 1 }, { timeout: "2m" });
  assert.equal(await client.deleteWhere("views", "a = 1"), 3);
  await client.sources("views", "a/b");
  await client.drop("views");
  await client.collections();
  assert.deepEqual(
    requests.map(({ method, url }) => `${method} ${url.slice(origin.length)}`),
    [
      "POST /v1/collections/views/events?wait=durable",
      "POST /v1/collections/views/query",
      "POST /v1/collections/views/query?timeout=2m",
      "POST /v1/collections/views/delete",
      "GET /v1/collections/views/sources?source=a%2Fb",
      "DELETE /v1/collections/views",
      "GET /v1/collections",
    ],
  );
  assert.equal(requests[0]?.headers["epsilon-source"], "a/b");
  assert.equal(requests[0]?.headers["epsilon-after"], "s:1:x");
  assert.equal(requests[0]?.headers["epsilon-cursor"], "s:2:y");
  assert.ok(requests.every(({ headers }) => headers["authorization"] === "Bearer secret"));
  assert.throws(() => createHttpClient(createSimEnv(1), { url: "nonsense" }), { code: "bad_request" });
  await assert.rejects(async () => client.query("Bad Name", "x"), { code: "bad_collection" });
});

test("errors keep the instance's code, message and what else it says", async () => {
  const { client } = clientOver(() =>
    answer(409, { error: { code: "cursor_mismatch", message: "stands elsewhere" }, cursor: "s:1:a" }),
  );
  await assert.rejects(client.query("views", "x"), (error: unknown) => {
    assert.ok(error instanceof EpsilonError);
    assert.equal(error.code, "cursor_mismatch");
    assert.equal(error.message, "stands elsewhere");
    assert.equal(error.details["cursor"], "s:1:a");
    return true;
  });
  const strange = "from_the_future";
  const later = clientOver(() => answer(400, { error: { code: strange, message: "no" } }));
  await assert.rejects(later.client.query("views", "x"), {
    code: "bad_request",
    message: "from_the_future: no",
  });
  const proxy = clientOver(() => answer(502, "<html>Bad gateway"));
  await assert.rejects(proxy.client.query("views", "x"), { code: "unreachable" });
  const web = clientOver(() => answer(200, "<html>Hello"));
  await assert.rejects(web.client.instance(), { code: "bad_json" });
});

test("every answer tells which instance gave it, errors too", async () => {
  const env = createSimEnv(7);
  const seen: string[] = [];
  const answers = [
    answer(200, { collections: [] }, { "epsilon-instance": "a/r1" }),
    answer(507, { error: { code: "disk_full", message: "" } }, { "epsilon-instance": "a/r2" }),
    answer(502, "<html>", {}),
    answer(200, { collections: [] }, { "epsilon-instance": "nonsense" }),
    answer(200, { collections: [] }, { "epsilon-instance": "b/r1" }),
  ];
  const count = answers.length;
  env.network.serve(origin, () => answers.shift() ?? answer(500, ""));
  const onInstance = ({ id, incarnation }: { id: string; incarnation: string }) =>
    void seen.push(`${id} ${incarnation}`);
  const client = createHttpClient(env, { url: origin, onInstance });
  for (let i = 0; i < count; i++) await client.collections().catch(() => undefined);
  assert.deepEqual(seen, ["a r1", "a r2", "b r1"]);
});

test("a time limit gives up what hangs, even if it ignores its signal, and leaves nothing behind", async () => {
  const env = createSimEnv(7);
  const forever = () => new Promise<never>(() => undefined);
  const late = withTimeLimit(env, { url: origin, limitMs: 5000 }, forever);
  const refused = assert.rejects(late, (error) => isTimeLimit(error) && isWorthRetrying(error));
  await env.advance(5000);
  await refused;
  const stop = new AbortController();
  const stopped = withTimeLimit(env, { url: origin, limitMs: 5000, signal: stop.signal }, forever);
  stop.abort("enough");
  await assert.rejects(stopped, (reason) => reason === "enough");
  await assert.rejects(
    withTimeLimit(env, { url: origin, limitMs: 5000, signal: stop.signal }, forever),
    (reason) => reason === "enough",
  );
  assert.equal(await withTimeLimit(env, { url: origin, limitMs: 5000 }, async () => 7), 7);
  await env.advance(0);
  assert.equal(env.clock.sleeping, 0);
});

test("a write where everything is rejected is an answer", async () => {
  const rejected = [{ index: 0, code: "bad_timestamp", message: "…" }];
  const { client } = clientOver(() => answer(422, { ...counts, stored: 0, rejected }));
  assert.deepEqual((await client.write("views", new Uint8Array(1))).rejected, rejected);
});

test("events follow the pages to their end, and a broken stream is no end", async () => {
  const { client, requests } = clientOver((request) =>
    request.url.includes("after=")
      ? answer(200, '{"b":2}\n')
      : answer(200, '{"a":1}\n', { "epsilon-next": "to be/continued" }),
  );
  let text = "";
  for await (const chunk of client.events("views", { start: "7d" })) text += new TextDecoder().decode(chunk);
  assert.equal(text, '{"a":1}\n{"b":2}\n');
  assert.ok(requests[1]?.url.endsWith("events?start=7d&after=to%20be%2Fcontinued"));
  const broken = clientOver(() => ({
    status: 200,
    headers: {},
    body: chunksOf(['{"a":1}\n'], noAnswer(origin)),
  }));
  await assert.rejects(
    async () => {
      for await (const _ of broken.client.events("views"));
    },
    { code: "unreachable" },
  );
});

test("what is worth repeating is repeated with pauses, and not for ever", async () => {
  let calls = 0;
  const { env, client } = clientOver(() => {
    calls += 1;
    return calls < 4
      ? answer(429, { error: { code: "overloaded", message: "" } }, { "retry-after": "2" })
      : answer(200, counts);
  });
  const startMs = env.clock.elapsedMs();
  const deadlineMs = () => 60_000;
  await inTime(
    env,
    withRetry(env, { deadlineMs }, () => client.write("views", new Uint8Array(1))),
  );
  assert.equal(calls, 4);
  assert.ok(env.clock.elapsedMs() - startMs >= 6000, "Retry-After is honoured");
  calls = -1_000_000;
  await assert.rejects(
    inTime(
      env,
      withRetry(env, { deadlineMs }, () => client.write("views", new Uint8Array(1))),
    ),
    {
      code: "overloaded",
    },
  );
  assert.equal(isWorthRetrying(new EpsilonError("bad_json", "")), false);
  assert.equal(isWorthRetrying(new EpsilonError("disk_full", "", { details: { status: 507 } })), true);
  assert.equal(isWorthRetrying(new EpsilonError("not_implemented", "", { details: { status: 501 } })), false);
  assert.equal(isWorthRetrying(new TypeError("x")), false);
});

test("server-sent events are the same however the bytes arrive", async () => {
  const text =
    ': hello\nretry: 1000\n\nid: 1\ndata: {"a":"ö"}\n\nid:2\r\nevent: error\r\ndata: x\r\ndata: y\r\n\r\nid: 3\ndata: cut';
  const bytes = new TextEncoder().encode(text);
  const parse = async (size: number) => {
    async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    }
    const events = [];
    for await (const event of parseServerSentEvents(chunks())) events.push(event);
    return events;
  };
  const expected = [
    { type: "message", id: "1", data: '{"a":"ö"}' },
    { type: "error", id: "2", data: "x\ny" },
  ];
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: bytes.length }), async (size) => {
      assert.deepEqual(await parse(size), expected);
    }),
  );
});

test("a tail that breaks off goes on behind the last event it gave", async () => {
  let calls = 0;
  const { env, client, requests } = clientOver(() => {
    calls += 1;
    if (calls === 2) return answer(503, { error: { code: "closed", message: "" } });
    const id = calls === 1 ? 1 : 2;
    return {
      status: 200,
      headers: {},
      body: chunksOf([`id: ${id}\ndata: {"n":${id}}\n\n`], noAnswer(origin)),
    };
  });
  const stop = new AbortController();
  const seen: string[] = [];
  const work = (async () => {
    for await (const { json } of client.tail("views", { filter: "a = 1", signal: stop.signal })) {
      seen.push(json);
      if (seen.length === 2) stop.abort();
    }
  })();
  await inTime(env, work);
  assert.deepEqual(seen, ['{"n":1}', '{"n":2}']);
  assert.deepEqual(
    requests.map(({ headers }) => headers["last-event-id"]),
    [undefined, "1", "1"],
  );
  assert.ok(requests[0]?.url.endsWith("tail?filter=a%20%3D%201"));
  const gone = clientOver(() => answer(404, { error: { code: "unknown_collection", message: "" } }));
  await assert.rejects(
    async () => {
      for await (const _ of gone.client.tail("views"));
    },
    { code: "unknown_collection" },
  );
});

async function* stretchesOf(sizes: readonly number[]): AsyncGenerator<FileStretch, void, undefined> {
  let n = 0;
  for (const size of sizes) {
    const events = Array.from({ length: size }, () => {
      n += 1;
      return { json: `{"n":${n}}`, line: n };
    });
    yield { events, rejected: size === 0 ? [{ line: n, code: "bad_json", message: "" }] : [] };
  }
}

test("a push sends every event, in full batches, a few at a time, and repeats what fails", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(30), { maxLength: 10 }),
      fc.infiniteStream(fc.constantFrom(0, 0, 0, 429, 503, -1)),
      async (sizes, fates) => {
        const stored = new Set<number>();
        let flying = 0;
        let flyingMost = 0;
        const { env, client, requests } = clientOver(async (request) => {
          flying += 1;
          flyingMost = Math.max(flyingMost, flying);
          await env.clock.sleep(10);
          flying -= 1;
          const lines = new TextDecoder().decode(request.body).split("\n");
          assert.ok(lines.length <= 7);
          const fate = fates.next().value;
          // An answer may be lost after the events were stored.
          if (fate !== 0 && fate !== 429)
            for (const line of lines) stored.add((JSON.parse(line) as { n: number }).n);
          if (fate === -1) throw noAnswer(origin);
          if (fate === 429 || fate === 503)
            return answer(fate, { error: { code: "overloaded", message: "" } });
          let fresh = 0;
          for (const line of lines) {
            const { n } = JSON.parse(line) as { n: number };
            if (!stored.has(n)) fresh += 1;
            stored.add(n);
          }
          return answer(200, {
            ...counts,
            received: lines.length,
            stored: fresh,
            duplicates: lines.length - fresh,
          });
        });
        const total = sizes.reduce((sum, size) => sum + size, 0);
        const bad = sizes.filter((size) => size === 0).length;
        const rejected: RejectedEvent[] = [];
        const totals = await inTime(
          env,
          pushEvents(env, client, stretchesOf(sizes), {
            collection: "views",
            timeoutMs: 3_600_000,
            limits: { batchEventsMax: 7, inFlightMax: 3 },
            onRejected: (event) => rejected.push(event),
          }),
        );
        assert.equal(stored.size, total);
        assert.equal(totals.received, total + bad);
        assert.equal(totals.stored + totals.duplicates + totals.rejected, totals.received);
        assert.equal(rejected.length, bad);
        assert.ok(flyingMost <= 3);
        assert.ok(requests.length > 0 || total === 0);
      },
    ),
    { numRuns: 60 },
  );
});

test("a push without progress ends with what was in the way; a refusal ends it at once", async () => {
  const dead = createSimEnv(3);
  const client = createHttpClient(dead, { url: origin });
  const push = (env: SimEnv, to: typeof client) =>
    inTime(env, pushEvents(env, to, stretchesOf([5, 5]), { collection: "views", timeoutMs: 5000 }));
  await assert.rejects(push(dead, client), { code: "unreachable" });
  const silent = clientOver(() => new Promise<never>(() => undefined));
  // The simulated network hangs until it is told otherwise, as a real one does.
  silent.env.network.serve(
    origin,
    (request) =>
      new Promise((_, reject) =>
        request.signal?.addEventListener("abort", () => reject(request.signal?.reason)),
      ),
  );
  await assert.rejects(push(silent.env, silent.client), { code: "unreachable", message: /did not answer/ });
  const refused = clientOver(() => answer(401, { error: { code: "unauthorized", message: "" } }));
  await assert.rejects(push(refused.env, refused.client), { code: "unauthorized" });
  assert.ok(refused.requests.length <= 2);
});

test("rejected events are told with their lines", async () => {
  const { env, client } = clientOver(() =>
    answer(200, {
      ...counts,
      received: 5,
      stored: 4,
      rejected: [{ index: 3, code: "bad_id", message: "no" }],
    }),
  );
  const rejected: RejectedEvent[] = [];
  await inTime(
    env,
    pushEvents(env, client, stretchesOf([5]), {
      collection: "v",
      timeoutMs: 1000,
      onRejected: (event) => rejected.push(event),
    }),
  );
  assert.deepEqual(rejected, [{ line: 4, code: "bad_id", message: "no" }]);
});
