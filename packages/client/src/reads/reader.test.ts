/** Questions to several instances: whoever can answer does, and the answer says who it was and what it may lack. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv, type SimEnv } from "@epsilon/env/testing";
import { EpsilonError, must } from "@epsilon/model";
import type { OwnWrites } from "./instances.ts";
import { Reader } from "./reader.ts";
import { eventOf, ReadableInstance, type ReadFate, soon, timed } from "./reads.fixture.ts";

interface World {
  readonly env: SimEnv;
  readonly a: ReadableInstance;
  readonly b: ReadableInstance;
  readonly c: ReadableInstance;
  readonly reader: Reader;
}

function world(ownWrites?: OwnWrites): World {
  const env = createSimEnv(1);
  const [a, b, c] = ["a", "b", "c"].map((name) => new ReadableInstance(env, name));
  const all = [must(a), must(b), must(c)];
  const instances = all.map(({ origin }) => ({ url: `${origin}/`, token: "secret" }));
  return { env, a: must(a), b: must(b), c: must(c), reader: new Reader(env, { instances, ownWrites }) };
}

const ask = ({ reader }: World, options: object = {}) =>
  reader.query("SELECT count", { collection: "views", ...options });

/** Each has answered so often that there is a p95. */
async function warmUp(w: World): Promise<void> {
  for (let n = 0; n < 30; n += 1) await soon(w.env, ask(w));
}

const refusal = (status: number, code: string) => (): ReadFate => ({ kind: "refuse", status, code });
const hang = (): ReadFate => ({ kind: "hang" });

test("an answer says who gave it, and how far its sources were", async () => {
  const w = world();
  w.a.cursors = { "web/1": "s:5:x" };
  w.a.events = [eventOf(1)];
  const answer = await soon(w.env, ask(w));
  assert.deepEqual(answer.read, {
    url: w.a.origin,
    instance: "a",
    incarnation: "run1",
    hedged: false,
    behind: [],
  });
  assert.equal(answer.meta.sources?.["web/1"]?.[0]?.cursor, "s:5:x");
  assert.deepEqual(answer.summary, [{ count: 1 }]);
  await soon(w.env, w.reader.query({ columns: ["count"] }, { collection: "views" }));
  assert.equal(w.b.count("POST /v1/collections/views/query"), 1, "one of whom nothing is known is tried");
});

for (const [name, fail] of [
  ["no answer", ({ env, a }: World) => env.network.partition(a.origin)],
  ["a 500", ({ a }: World) => a.refuse(500, "internal")],
  ["a 503", ({ a }: World) => a.refuse(503, "closed")],
  ["a 429", ({ a }: World) => a.refuse(429, "overloaded")],
  ["an unknown collection", ({ a }: World) => a.refuse(404, "unknown_collection")],
] as const)
  test(`${name} leads to the next instance at once`, async () => {
    const w = world();
    fail(w);
    const { value, tookMs } = await timed(w.env, ask(w));
    assert.equal(value.read.instance, "b");
    assert.equal(value.read.hedged, false);
    assert.ok(tookMs <= 2, `${tookMs}`);
  });

test("an instance that fails is asked last until its back-off is over", async () => {
  const w = world();
  w.a.answerMs = 1;
  for (const one of [w.b, w.c]) one.answerMs = 5;
  await warmUp(w);
  w.env.network.partition(w.a.origin);
  assert.equal((await soon(w.env, ask(w))).read.instance, "b");
  w.env.network.heal(w.a.origin);
  const before = w.a.seen.length;
  for (let n = 0; n < 10; n += 1) assert.notEqual((await soon(w.env, ask(w))).read.instance, "a");
  assert.equal(w.a.seen.length, before);
  await w.env.advance(1000);
  assert.equal((await soon(w.env, ask(w))).read.instance, "a");
});

test("the caller's own errors are thrown at once", async () => {
  for (const [status, code] of [
    [400, "bad_query"],
    [401, "unauthorized"],
    [403, "forbidden"],
    [408, "query_timeout"],
    [413, "query_too_large"],
  ] as const) {
    const w = world();
    w.a.fate = refusal(status, code);
    await assert.rejects(soon(w.env, ask(w)), { code });
    assert.equal(w.a.seen.length + w.b.seen.length + w.c.seen.length, 1, code);
  }
});

test("a collection that no instance knows is unknown", async () => {
  const w = world();
  for (const one of [w.a, w.b, w.c]) one.fate = refusal(404, "unknown_collection");
  await assert.rejects(soon(w.env, ask(w)), { code: "unknown_collection" });
  w.c.fate = refusal(500, "internal");
  await assert.rejects(soon(w.env, ask(w)), { code: "unreachable" }, "the third may know it");
});

test("where all fail, the error says how each did", async () => {
  const w = world();
  w.a.fate = refusal(429, "overloaded");
  w.b.fate = refusal(500, "internal");
  w.env.network.partition(w.c.origin);
  await assert.rejects(soon(w.env, ask(w)), (error: unknown) => {
    assert.ok(error instanceof EpsilonError);
    const instances = error.details["instances"] as { url: string; code: string }[];
    assert.equal(error.code, "unreachable");
    assert.deepEqual(
      instances.map(({ url, code }) => [url, code]),
      [
        [w.a.origin, "overloaded"],
        [w.b.origin, "internal"],
        [w.c.origin, "unreachable"],
      ],
    );
    return true;
  });
});

test("after the p95 the next one is asked too; the first answer wins and the other is given up", async () => {
  const w = world();
  for (const one of [w.a, w.b, w.c]) one.answerMs = 20;
  await warmUp(w);
  const before = [w.a.seen.length, w.b.seen.length, w.c.seen.length];
  w.a.answerMs = 5000;
  const { value, tookMs } = await timed(w.env, ask(w));
  assert.equal(value.read.instance, "b");
  assert.equal(value.read.hedged, true);
  assert.ok(40 <= tookMs && tookMs <= 45, `p95 and an answer: ${tookMs}`);
  assert.equal(w.a.aborted, 1);
  const after = [w.a.seen.length, w.b.seen.length, w.c.seen.length];
  assert.deepEqual(
    after.map((count, index) => count - must(before[index])),
    [1, 1, 0],
  );
});

test("a slow answer within the p95 costs one request; the first one may still win after a hedge", async () => {
  const w = world();
  for (const one of [w.a, w.b, w.c]) one.answerMs = 20;
  await warmUp(w);
  const before = w.b.seen.length + w.c.seen.length;
  w.a.answerMs = 19;
  await soon(w.env, ask(w));
  assert.equal(w.b.seen.length + w.c.seen.length, before);
  w.a.answerMs = 30;
  const given = w.b.aborted;
  const answer = await soon(w.env, ask(w));
  assert.equal(answer.read.instance, "a");
  assert.equal(answer.read.hedged, false);
  assert.equal(w.b.aborted - given, 1);
});

test("of few answers no percentile is made: a second's silence is waited for", async () => {
  const w = world();
  w.a.fate = hang;
  const { value, tookMs } = await timed(w.env, ask(w));
  assert.equal(value.read.instance, "b");
  assert.ok(1000 <= tookMs && tookMs <= 1002, `${tookMs}`);
});

test("with two that hang, the third is asked in the end, and never more than two at once", async () => {
  const w = world();
  w.a.fate = hang;
  w.b.fate = hang;
  const given: number[] = [];
  w.c.fate = () => {
    given.push(w.a.aborted, w.b.aborted);
    return undefined;
  };
  const { value, tookMs } = await timed(w.env, ask(w));
  assert.equal(value.read.instance, "c");
  assert.ok(11_000 <= tookMs && tookMs <= 11_005, `${tookMs}`);
  assert.deepEqual(given, [1, 0], "the first was given up before the third was asked");
  assert.equal((await timed(w.env, ask(w))).tookMs, 1, "those that hang are asked last now");
});

test("a time limit ends it, and whoever was asked is given up", async () => {
  const w = world();
  for (const one of [w.a, w.b, w.c]) one.fate = hang;
  const failed = timed(w.env, ask(w, { timeoutMs: 500 }));
  await assert.rejects(failed, { code: "unreachable", message: /within 500 ms/ });
  assert.equal(w.a.aborted, 1);
  assert.equal(w.env.clock.sleeping, 0, "nothing is left behind");
});

test("the caller's signal ends it", async () => {
  const w = world();
  w.a.fate = hang;
  const stop = new AbortController();
  const asked = ask(w, { signal: stop.signal });
  await w.env.advance(10);
  stop.abort(new EpsilonError("query_cancelled", "enough"));
  await assert.rejects(soon(w.env, asked), { code: "query_cancelled", message: "enough" });
  assert.equal(w.a.aborted, 1);
  assert.equal(w.b.seen.length, 0);
});

test("under a steady load no read fails while an instance dies, hangs and comes back", async () => {
  const w = world();
  for (const one of [w.a, w.b, w.c]) one.answerMs = 5;
  const waits: number[] = [];
  let underWay = 0;
  for (let n = 0; n < 3000; n += 1) {
    if (n === 500) w.env.network.partition(w.a.origin);
    if (n === 1200) w.env.network.heal(w.a.origin);
    if (n === 1700) w.b.fate = hang;
    if (n === 2400) w.b.fate = () => undefined;
    const startMs = w.env.clock.elapsedMs();
    underWay += 1;
    ask(w).then(
      () => {
        underWay -= 1;
        waits.push(w.env.clock.elapsedMs() - startMs);
      },
      (error: unknown) => assert.fail(`a read failed: ${error}`),
    );
    await w.env.advance(10);
  }
  await w.env.advance(5000);
  assert.equal(underWay, 0);
  assert.equal(waits.length, 3000);
  const slow = waits.filter((ms) => ms > 50);
  assert.ok(slow.length < 3, `${slow.length} of 3000 waited long`);
});

test("own writes are read where they are, and waited for where they are not yet", async () => {
  let holders: ReadonlySet<string> | undefined;
  const w = world((collection) => (collection === "views" ? holders : undefined));
  const own = { freshness: "own-writes" };
  assert.equal((await soon(w.env, ask(w, own))).read.instance, "a", "nothing was written");
  holders = new Set([w.c.origin]);
  for (let n = 0; n < 3; n += 1) assert.equal((await soon(w.env, ask(w, own))).read.instance, "c");
  holders = new Set();
  const asked = ask(w, { ...own, timeoutMs: 1000 });
  await w.env.advance(500);
  holders = new Set([w.b.origin]);
  const late = await timed(w.env, asked);
  assert.equal(late.value.read.instance, "b");
  assert.ok(late.tookMs <= 25, `${late.tookMs}`);
  holders = new Set();
  const vain = await timed(
    w.env,
    ask(w, { ...own, timeoutMs: 300 }).catch((error: unknown) => error),
  );
  assert.equal((vain.value as EpsilonError).code, "not_acknowledged");
  assert.ok(300 <= vain.tookMs && vain.tookMs <= 302);
});

test("the only one with the own writes dies: the next one that has them answers", async () => {
  let holders: ReadonlySet<string> = new Set();
  const w = world(() => holders);
  holders = new Set([w.a.origin]);
  w.env.network.partition(w.a.origin);
  const asked = ask(w, { freshness: "own-writes" });
  await w.env.advance(100);
  holders = new Set([w.a.origin, w.c.origin]);
  assert.equal((await soon(w.env, asked)).read.instance, "c");
});

test("the best one misses least, by the sources that any of them has", async () => {
  const w = world();
  w.a.cursors = { one: "s:90:x", two: "t:10:x" };
  w.b.cursors = { one: "s:100:y", two: "t:9:x" };
  w.c.cursors = { one: "s:100:y" };
  const best = { freshness: "best" };
  for (let n = 0; n < 3; n += 1) {
    const { read } = await soon(w.env, ask(w, best));
    assert.equal(read.instance, "b");
    assert.deepEqual(read.behind, [
      { source: "two", stream: "t", here: "t:9:x", elsewhere: "t:10:x", at: w.a.origin },
    ]);
  }
  w.env.network.partition(w.b.origin);
  assert.equal((await soon(w.env, ask(w, best))).read.instance, "a", "10 behind, and c is 11");
});

test("the best one is not left for a worse one because it is slow, and one that is silent is not waited for", async () => {
  const w = world();
  w.a.cursors = { one: "s:90:x" };
  w.b.cursors = { one: "s:100:y" };
  await warmUp(w);
  w.c.fate = hang;
  w.b.answerMs = 500;
  const { value, tookMs } = await timed(w.env, ask(w, { freshness: "best" }));
  assert.equal(value.read.instance, "b");
  assert.ok(tookMs <= 1501, `a second for the sources at most, then the answer: ${tookMs}`);
});

test("an answer says in which sources another instance is known to be further", async () => {
  const w = world();
  w.a.cursors = { one: "s:10:x", two: "t:1:x" };
  w.b.cursors = { one: "s:7:w" };
  await soon(w.env, ask(w));
  const { read } = await soon(w.env, ask(w));
  assert.equal(read.instance, "b");
  assert.deepEqual(read.behind, [
    { source: "one", stream: "s", here: "s:7:w", elsewhere: "s:10:x", at: w.a.origin },
    { source: "two", stream: "t", here: null, elsewhere: "t:1:x", at: w.a.origin },
  ]);
  w.b.cursors = w.a.cursors;
  w.env.network.partition(w.a.origin);
  w.env.network.partition(w.c.origin);
  assert.deepEqual((await soon(w.env, ask(w))).read.behind, []);
});

test("two addresses of one instance are not behind one another", async () => {
  const env = createSimEnv(1);
  const one = new ReadableInstance(env, "one");
  const other = new ReadableInstance(env, "one");
  env.network.serve("http://alias:4320", (request) =>
    env.network.request({ ...request, url: request.url.replace("alias", "one") }),
  );
  const instances = [{ url: one.origin }, { url: "http://alias:4320" }];
  const reader = new Reader(env, { instances });
  other.cursors = { one: "s:10:x" };
  await soon(env, reader.query("SELECT count", { collection: "views" }));
  other.cursors = { one: "s:5:x" };
  const { read } = await soon(env, reader.query("SELECT count", { collection: "views" }));
  assert.equal(read.url, "http://alias:4320");
  assert.deepEqual(read.behind, []);
});

test("addresses are needed, and have to be some", () => {
  const env = createSimEnv(1);
  assert.throws(() => new Reader(env, { instances: [] }), { code: "bad_request" });
  assert.throws(() => new Reader(env, { instances: [{ url: "nonsense" }] }), { code: "bad_request" });
});
