/** Heavy questions over HTTP, to a store on DuckDB: who goes away stops them, who stays is told, and others go on. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type * as http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { createNodeEnv, type Env } from "@epsilon/env";
import { type EventStore, openEmbeddedStore } from "@epsilon/store";
import { event, type Fixture, ndjson, withServer } from "./fixture.ts";

const eventsPath = "/v1/collections/events/events";
const queryPath = "/v1/collections/events/query";
const eventCount = 60_000;

/** Takes DuckDB many seconds: as many regular expressions over all events as there are columns. */
const heavy = `SELECT ${Array.from(
  { length: 200 },
  (_, index) => `p99(n) IF (text MATCHES "(a|b|c|${index})*x${index}$") AS c${index}`,
).join(", ")}`;

interface Heavy {
  readonly fixture: Fixture;
  /** What became of the first query that was asked: an error's code, or "answered". */
  readonly ended: Promise<string>;
}

interface Settings {
  readonly env?: Env;
  readonly memoryBytesMax?: number;
  readonly temporaryBytesMax?: number;
}

async function withFilled(settings: Settings, work: (heavy: Heavy) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "epsilon-cancel-"));
  const { env = createNodeEnv({ report: () => {} }), ...options } = settings;
  const embedded = await openEmbeddedStore(env, { directory, ...options });
  const { store, ended } = watched(embedded);
  try {
    await withServer({ store, env }, async (fixture) => {
      const text = "abc".repeat(24);
      const events = Array.from({ length: eventCount }, (_, second) =>
        event(second, { n: second, text: `${text}${second}` }),
      );
      assert.equal((await fixture.post(eventsPath, ndjson(events))).status, 200);
      await work({ fixture, ended });
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The same store; how its first query ends can be awaited. */
function watched(store: EventStore): { readonly store: EventStore; readonly ended: Promise<string> } {
  let resolve: (how: string) => void = () => {};
  let asked = 0;
  const ended = new Promise<string>((settle) => {
    resolve = settle;
  });
  const proxy = new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      const method = member.bind(target) as (...args: readonly unknown[]) => unknown;
      if (name !== "query") return method;
      return (...args: Parameters<EventStore["query"]>) => {
        const answer = target.query(...args);
        asked += 1;
        if (asked > 1) return answer;
        answer.then(
          () => resolve("answered"),
          (error: { readonly code: string }) => resolve(error.code),
        );
        return answer;
      };
    },
  });
  return { store: proxy, ended };
}

/** A query that nobody reads the answer of. */
function askHeavy(fixture: Fixture): http.ClientRequest {
  const request = fixture.begin("POST", queryPath);
  request.on("error", () => undefined);
  request.end(JSON.stringify({ q: heavy }));
  return request;
}

/** What `/metrics` says. */
async function runningQueries(fixture: Fixture): Promise<number> {
  const { text } = await fixture.get("/metrics");
  return Number(/^epsilon_running_queries (\d+)$/m.exec(text)?.[1]);
}

async function untilRunning(fixture: Fixture): Promise<void> {
  while ((await runningQueries(fixture)) === 0) await setImmediate();
}

async function countOf(fixture: Fixture): Promise<unknown> {
  const { json } = await fixture.post(queryPath, { q: "SELECT count" });
  return (json["summary"] as { readonly count: number }[])[0]?.count;
}

test("a caller who goes away in the middle of a heavy query stops it; meanwhile others write and ask", async () => {
  await withFilled({}, async ({ fixture, ended }) => {
    const request = askHeavy(fixture);
    await untilRunning(fixture);
    const body = ndjson([event(eventCount, { n: 1, text: "new" })]);
    assert.equal((await fixture.post(eventsPath, body)).json["stored"], 1);
    assert.equal(await countOf(fixture), eventCount + 1);
    assert.equal(await runningQueries(fixture), 1);
    request.destroy();
    assert.equal(await ended, "query_cancelled");
    assert.equal(await runningQueries(fixture), 0);
    assert.equal(await countOf(fixture), eventCount + 1);
  });
});

test("a query past its deadline is 408 query_timeout, and the next one is answered", async () => {
  const env = createNodeEnv({ report: () => {} });
  let strike = (): void => assert.fail("nobody waits for the deadline");
  const sleep = env.clock.sleep.bind(env.clock);
  const clock = {
    nowMicros: () => env.clock.nowMicros(),
    elapsedMs: () => env.clock.elapsedMs(),
    sleep: (ms: number, signal?: AbortSignal) =>
      ms === 77_000
        ? new Promise<void>((resolve) => {
            strike = resolve;
          })
        : sleep(ms, signal),
  };
  await withFilled({ env: { ...env, clock } }, async ({ fixture, ended }) => {
    const asked = fixture.post(`${queryPath}?timeout=77s`, { q: heavy });
    await untilRunning(fixture);
    strike();
    const reply = await asked;
    assert.deepEqual([reply.status, reply.code], [408, "query_timeout"]);
    assert.match(reply.text, /77000 ms: ask for less/);
    assert.equal(await ended, "query_timeout");
    assert.equal(await countOf(fixture), eventCount);
  });
});

test("a query that needs more memory than there is gets 507, and what was written stays", async () => {
  const settings = { memoryBytesMax: 100_000_000, temporaryBytesMax: 1_000_000 };
  await withFilled(settings, async ({ fixture }) => {
    const columns = Array.from({ length: 60 }, (_, n) => `count_distinct(text) IF (n >= ${n}) AS c${n}`);
    const reply = await fixture.post(queryPath, { q: `SELECT ${columns.join(", ")}` });
    assert.deepEqual([reply.status, reply.code], [507, "query_out_of_memory"]);
    assert.match(reply.text, /ask for less at once/);
    assert.equal(await countOf(fixture), eventCount);
  });
});

test("a caller who stops reading raw events in the middle gives the connection to DuckDB back", async () => {
  await withFilled({}, async ({ fixture }) => {
    const request = fixture.begin("GET", eventsPath);
    request.on("error", () => undefined);
    request.end();
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    response.on("error", () => undefined);
    await once(response, "readable");
    response.destroy();
    while ((await runningQueries(fixture)) > 0) await setImmediate();
    assert.equal(await countOf(fixture), eventCount);
  });
});
