/** Streams: raw events by pages and whole, broken off where they fail, and tails that resume. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type * as http from "node:http";
import { test } from "node:test";
import { EpsilonError } from "@epsilon/model";
import type { EventStore, Scan, ScanChunk, TailEvent } from "@epsilon/store";
import { deferred, event, type Fixture, fakeStore, lines, ndjson, uuid, withServer } from "./fixture.ts";

const path = "/v1/collections/events/events";
const tailPath = "/v1/collections/events/tail";
const many = (count: number): string =>
  ndjson(
    Array.from({ length: count }, (_, index) => event(index + 1, { host: index % 2 === 0 ? "a" : "b" })),
  );

test("pages follow each other by Epsilon-Next, in both orders", () =>
  withServer({}, async (fixture) => {
    await fixture.post(path, many(10));
    const whole = lines((await fixture.get(path)).text).map((each) => each["_id"]);
    assert.deepEqual(
      whole,
      Array.from({ length: 10 }, (_, index) => uuid(index + 1)),
    );
    for (const order of ["asc", "desc"]) {
      const found: unknown[] = [];
      let pages = 0;
      for (let after: string | undefined = ""; after !== undefined; pages += 1) {
        const next: string = after === "" ? "" : `&after=${encodeURIComponent(after)}`;
        const reply = await fixture.get(`${path}?order=${order}&limit=3${next}`);
        assert.equal(reply.headers["content-type"], "application/x-ndjson; charset=utf-8");
        found.push(...lines(reply.text).map((each) => each["_id"]));
        after = reply.headers["epsilon-next"] as string | undefined;
      }
      assert.deepEqual(found, order === "asc" ? whole : whole.toReversed());
      assert.equal(pages, 4);
    }
    assert.equal((await fixture.get(`${path}?limit=10`)).headers["epsilon-next"], undefined);
  }));

test("a time range and a filter choose events", () =>
  withServer({}, async (fixture) => {
    await fixture.post(path, many(10));
    const query = "start=2026-01-01T00:00:03Z&end=2026-01-01T00:00:08Z&filter=host%20%3D%20'a'";
    const found = lines((await fixture.get(`${path}?${query}`)).text);
    assert.deepEqual(
      found.map((each) => each["_id"]),
      [uuid(3), uuid(5), uuid(7)],
    );
    for (const bad of [
      "order=up",
      "limit=0",
      "limit=-1",
      "limit=x",
      "after=nonsense",
      "start=soon",
      "filter=host+%3D",
      "nope=1",
    ]) {
      const reply = await fixture.get(`${path}?${bad}`);
      assert.equal(reply.status, 400, bad);
    }
    const none = await fixture.get(`${path}?filter=host%20%3D%20'c'`);
    assert.deepEqual([none.status, none.text], [200, ""]);
  }));

function scanOf(chunks: () => AsyncGenerator<ScanChunk>): Partial<EventStore> {
  return { scan: async (): Promise<Scan> => ({ next: "more", chunks: chunks() }) };
}

const chunk = (text: string): ScanChunk => ({ ndjson: Buffer.from(text), events: 1 });

test("a stream that fails is broken off, never ended cleanly", async () => {
  const store = fakeStore(
    scanOf(async function* () {
      for (let line = 0; line < 100; line += 1) yield chunk(`{"a":"${randomBytes(3000).toString("hex")}"}\n`);
      throw new EpsilonError("table_damaged", "a row does not verify");
    }),
  );
  await withServer({ store }, async (fixture) => {
    for (const encoding of ["identity", "gzip", "zstd"]) {
      await assert.rejects(
        fixture.get(path, { "accept-encoding": encoding }),
        { code: "ECONNRESET" },
        encoding,
      );
    }
    assert.equal((await fixture.get("/healthz")).status, 200);
  });
});

test("a stream that fails before a byte of it was sent is an error, in plain JSON", async () => {
  const store = fakeStore(
    scanOf(async function* () {
      yield chunk(`{"a":1}\n${" ".repeat(2000)}`);
      throw new EpsilonError("table_damaged", "a row does not verify");
    }),
  );
  await withServer({ store }, async (fixture) => {
    const reply = await fixture.get(path, { "accept-encoding": "gzip" });
    assert.deepEqual(
      [reply.status, reply.code, reply.headers["epsilon-next"]],
      [500, "table_damaged", undefined],
    );
    assert.equal(reply.headers["content-encoding"], undefined);
  });
});

test("a stream that fails before its first line is an error", async () => {
  // biome-ignore lint/correctness/useYield: it fails before it has anything to give
  const failing = scanOf(async function* (): AsyncGenerator<ScanChunk> {
    throw new EpsilonError("table_damaged", "a row does not verify");
  });
  await withServer({ store: fakeStore(failing) }, async (fixture) => {
    const reply = await fixture.get(path);
    assert.deepEqual(
      [reply.status, reply.code, reply.headers["epsilon-next"]],
      [500, "table_damaged", undefined],
    );
  });
});

test("a reader that goes away ends the scan", async () => {
  const left = deferred();
  const store = fakeStore(
    scanOf(async function* () {
      try {
        for (;;) yield chunk(`{"a":"${"x".repeat(100_000)}"}\n`);
      } finally {
        left.resolve();
      }
    }),
  );
  await withServer({ store }, async (fixture) => {
    const request = fixture.begin("GET", path);
    request.end();
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    await once(response, "readable");
    response.destroy();
    await left.promise;
  });
});

test("a query is cancelled when its caller goes away", async () => {
  const begun = deferred();
  const cancelled = deferred<string>();
  const store = fakeStore({
    query: (_collection, _query, { signal }) => {
      begun.resolve();
      return new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => {
          cancelled.resolve((signal.reason as EpsilonError).code);
          reject(signal.reason as Error);
        });
      });
    },
  });
  await withServer({ store }, async (fixture) => {
    const request = fixture.begin("GET", "/v1/collections/events/query?q=SELECT+count");
    request.on("error", () => undefined);
    request.end();
    await begun.promise;
    request.destroy();
    assert.equal(await cancelled.promise, "query_cancelled");
  });
});

interface ServerSentEvent {
  readonly id: string | undefined;
  readonly type: string;
  readonly data: string;
}

/** A reader of server-sent events. */
class Tail {
  readonly response: http.IncomingMessage;
  #text = "";

  private constructor(response: http.IncomingMessage) {
    this.response = response;
    response.on("error", () => undefined);
    response.setEncoding("utf8");
  }

  static async open(fixture: Fixture, query = "", headers: http.OutgoingHttpHeaders = {}): Promise<Tail> {
    const request = fixture.begin("GET", tailPath + query, { headers });
    request.on("error", () => undefined);
    request.end();
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    return new Tail(response);
  }

  /** The next block of lines, comments among them. */
  async block(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return block;
      }
      const part = this.response.read() as string | null;
      if (part !== null) this.#text += part;
      else if (this.response.readableEnded || this.response.destroyed) assert.fail("the tail ended");
      else {
        await new Promise<void>((resolve) => {
          const done = (): void => resolve();
          this.response.once("readable", done).once("end", done).once("close", done);
        });
      }
    }
  }

  async next(): Promise<ServerSentEvent> {
    for (;;) {
      const fields = (await this.block())
        .split("\n")
        .map((line) => [line.split(": ")[0], line.slice(line.indexOf(": ") + 2)]);
      const field = (name: string): string | undefined => fields.find(([key]) => key === name)?.[1];
      const data = field("data");
      if (data !== undefined) return { id: field("id"), type: field("event") ?? "message", data };
    }
  }

  async nextId(): Promise<unknown> {
    return (JSON.parse((await this.next()).data) as Record<string, unknown>)["_id"];
  }

  close(): void {
    this.response.destroy();
  }
}

test("a tail brings what is written from now on, and resumes after an id", () =>
  withServer({}, async (fixture) => {
    await fixture.post(path, event(1));
    const tail = await Tail.open(fixture);
    assert.equal(tail.response.headers["content-type"], "text/event-stream; charset=utf-8");
    assert.ok(tail.response.headers["epsilon-instance"]);
    assert.match(await tail.block(), /^retry: \d+$/);
    await fixture.post(path, ndjson([event(2), event(3)]));
    const second = await tail.next();
    assert.deepEqual(JSON.parse(second.data), { _ts: "2026-01-01T00:00:02.000000Z", _id: uuid(2) });
    assert.equal(await tail.nextId(), uuid(3));
    tail.close();
    await fixture.post(path, event(4));
    const id = second.id ?? "";
    const byHeader = await Tail.open(fixture, "", { "last-event-id": id });
    assert.deepEqual([await byHeader.nextId(), await byHeader.nextId()], [uuid(3), uuid(4)]);
    byHeader.close();
    const byParameter = await Tail.open(fixture, `?last_event_id=${id}`);
    assert.equal(await byParameter.nextId(), uuid(3));
    byParameter.close();
  }));

test("a tail has a filter, and errors before it begins", () =>
  withServer({}, async (fixture) => {
    await fixture.post(path, event(1));
    const tail = await Tail.open(fixture, `?filter=${encodeURIComponent("host = 'b'")}`);
    await fixture.post(path, many(4));
    assert.deepEqual([await tail.nextId(), await tail.nextId()], [uuid(2), uuid(4)]);
    tail.close();
    assert.equal((await fixture.get(`${tailPath}?filter=host+%3D`)).code, "bad_query");
    assert.equal((await fixture.get(tailPath, { "last-event-id": "nonsense" })).code, "bad_request");
    assert.equal((await fixture.get(`${tailPath}?since=1`)).code, "bad_request");
    assert.equal((await fixture.ask("HEAD", tailPath)).status, 405);
  }));

/** A store whose tail gives what a test says. */
function tailOf(events: (signal: AbortSignal) => AsyncGenerator<TailEvent>): ReturnType<typeof fakeStore> {
  return fakeStore({ tail: (_collection, { signal }) => events(signal) });
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });

test("a silent tail says every now and then that it is there", async () => {
  // biome-ignore lint/correctness/useYield: this tail has nothing to say
  const store = tailOf(async function* (signal) {
    await aborted(signal);
  });
  await withServer({ store, limits: { heartbeatMs: 5 } }, async (fixture) => {
    const tail = await Tail.open(fixture);
    assert.match(await tail.block(), /^retry/);
    assert.match(await tail.block(), /^: /);
    assert.match(await tail.block(), /^: /);
    tail.close();
  });
});

test("a reader that goes away ends its tail, and there are only so many", async () => {
  const left = deferred();
  const store = tailOf(async function* (signal) {
    yield { id: "1", json: "{}" };
    await aborted(signal);
    left.resolve();
  });
  await withServer({ store, limits: { tailsMax: 1 } }, async (fixture) => {
    const tail = await Tail.open(fixture);
    assert.equal((await tail.next()).id, "1");
    const refused = await fixture.get(tailPath);
    assert.deepEqual(
      [refused.status, refused.code, refused.headers["retry-after"]],
      [429, "overloaded", "1"],
    );
    tail.close();
    await left.promise;
  });
});

test("a tail that fails says why and breaks off", async () => {
  const store = tailOf(async function* () {
    yield { id: "1", json: "{}" };
    throw new EpsilonError("table_damaged", "a row does not verify");
  });
  await withServer({ store }, async (fixture) => {
    const tail = await Tail.open(fixture);
    assert.equal((await tail.next()).id, "1");
    const last = await tail.next();
    assert.deepEqual([last.type, JSON.parse(last.data).error.code], ["error", "table_damaged"]);
    const closed = new Promise((resolve) => tail.response.once("close", resolve));
    tail.response.resume();
    await closed;
    assert.equal(tail.response.complete, false);
  });
});

test("a reader that takes nothing is broken off, and the store is not asked for more", async () => {
  const left = deferred();
  let given = 0;
  const store = tailOf(async function* (signal) {
    try {
      while (!signal.aborted) {
        given += 1;
        yield { id: String(given), json: `{"a":"${"x".repeat(100_000)}"}` };
      }
    } finally {
      left.resolve();
    }
  });
  await withServer({ store, limits: { tailStallMs: 20 } }, async (fixture) => {
    const tail = await Tail.open(fixture);
    tail.response.pause();
    await left.promise;
    assert.ok(given < 1000, `${given} events were taken for a reader that reads nothing`);
    tail.close();
  });
});
