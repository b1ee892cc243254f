/** Streams from several instances: cut anywhere, they go on elsewhere, with each event once. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv, type SimEnv } from "@epsilon/env/testing";
import { EpsilonError, must } from "@epsilon/model";
import fc from "fast-check";
import { until } from "../loop/loop.fixture.ts";
import { Reader } from "./reader.ts";
import { eventOf, type ReadableEvent, ReadableInstance, soon } from "./reads.fixture.ts";

interface World {
  readonly env: SimEnv;
  readonly instances: readonly ReadableInstance[];
  readonly reader: Reader;
}

function world(count = 3): World {
  const env = createSimEnv(1);
  const instances = Array.from({ length: count }, (_, n) => new ReadableInstance(env, `i${n}`));
  return {
    env,
    instances,
    reader: new Reader(env, { instances: instances.map(({ origin }) => ({ url: origin })) }),
  };
}

const at = ({ instances }: World, n: number) => must(instances[n]);

async function numbersOf(events: AsyncIterable<Readonly<Record<string, unknown>>>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const event of events) found.push(event["n"]);
  return found;
}

test("events cut anywhere, as often as may be, come once and in order", async () => {
  const times = fc.array(fc.nat({ max: 3 }), { maxLength: 12 });
  const cuts = fc.array(fc.nat({ max: 12 }), { maxLength: 5 });
  const cases = fc.record({
    times,
    cuts,
    order: fc.constantFrom("asc" as const, "desc" as const),
    limit: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
    count: fc.integer({ min: 1, max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ times, cuts, order, limit, count }) => {
      const w = world(count);
      const events = times.toSorted((a, b) => a - b).map((time, n) => eventOf(n, time));
      for (const [n, instance] of w.instances.entries()) {
        instance.events = events;
        instance.cuts = cuts.filter((_, index) => index % count === n);
      }
      const all = events.map(({ n }) => n);
      if (order === "desc") all.reverse();
      const found = await soon(w.env, numbersOf(w.reader.events({ collection: "views", order, limit })));
      assert.deepEqual(found, all.slice(0, limit));
    }),
    { numRuns: 300 },
  );
});

test("a break leads to another instance, which is asked from the last time on", async () => {
  const w = world();
  for (const one of w.instances) one.events = [1, 2, 3].map((n) => eventOf(n));
  at(w, 0).cuts = [2];
  const request = { collection: "views", start: "2026-01-01", end: "now", filter: "n > 0" };
  assert.deepEqual(await soon(w.env, numbersOf(w.reader.events(request))), [1, 2, 3]);
  assert.deepEqual(
    at(w, 1).seen.map((one) => decodeURIComponent(one).trim()),
    ["GET /v1/collections/views/events?start=2026-01-01T00:00:02.000000Z&end=now&filter=n > 0"],
  );
});

test("what another instance has besides is given too, in its place", async () => {
  const w = world(2);
  at(w, 0).events = [eventOf(1), eventOf(3), eventOf(5)];
  at(w, 1).events = [1, 2, 3, 4, 5].map((n) => eventOf(n));
  at(w, 0).cuts = [2];
  const found = await soon(w.env, numbersOf(w.reader.events({ collection: "views" })));
  assert.deepEqual(found, [1, 3, 4, 5]);
});

test("a stream that falls silent is given up for another one", async () => {
  const w = world(2);
  for (const one of w.instances) one.events = [1, 2].map((n) => eventOf(n));
  const lines = [JSON.stringify(eventOf(1)), "\n"];
  w.env.network.serve(at(w, 0).origin, () => ({
    status: 200,
    headers: {},
    body: (async function* () {
      for (const line of lines) yield new TextEncoder().encode(line);
      await new Promise<never>(() => undefined);
    })(),
  }));
  assert.deepEqual(await soon(w.env, numbersOf(w.reader.events({ collection: "views" }))), [1, 2]);
});

test("events that no instance can go on with end in an error, and the caller's own errors at once", async () => {
  const w = world(2);
  for (const one of w.instances) one.events = [1, 2, 3].map((n) => eventOf(n));
  for (const one of w.instances) one.cuts = Array.from({ length: 20 }, () => 1);
  await assert.rejects(soon(w.env, numbersOf(w.reader.events({ collection: "views" }))), {
    code: "unreachable",
  });
  for (const one of w.instances) one.refuse(400, "bad_query");
  const before = at(w, 0).seen.length + at(w, 1).seen.length;
  await assert.rejects(soon(w.env, numbersOf(w.reader.events({ collection: "views" }))), {
    code: "bad_query",
  });
  assert.equal(at(w, 0).seen.length + at(w, 1).seen.length, before + 1);
});

test("events wait for an instance to come back, once they have begun", async () => {
  const w = world(1);
  at(w, 0).events = [1, 2].map((n) => eventOf(n));
  at(w, 0).cuts = [1];
  const events = w.reader.events({ collection: "views" });
  assert.equal((await soon(w.env, events.next())).value?.["n"], 1);
  w.env.network.partition(at(w, 0).origin);
  const second = events.next();
  await w.env.advance(10_000);
  w.env.network.heal(at(w, 0).origin);
  assert.equal((await soon(w.env, second)).value?.["n"], 2);
  w.env.network.partition(at(w, 0).origin);
  await assert.rejects(soon(w.env, w.reader.events({ collection: "views" }).next()), { code: "unreachable" });
});

test("events that are left early are no longer read, and the caller's signal ends them", async () => {
  const w = world(1);
  at(w, 0).events = [1, 2, 3].map((n) => eventOf(n));
  const first = w.reader.events({ collection: "views" });
  assert.equal((await soon(w.env, first.next())).value?.["n"], 1);
  await first.return();
  assert.equal(w.env.clock.sleeping, 0);
  const stop = new AbortController();
  const second = w.reader.events({ collection: "views", signal: stop.signal });
  await soon(w.env, second.next());
  stop.abort(new EpsilonError("query_cancelled", "enough"));
  await assert.rejects(soon(w.env, second.next()), { message: "enough" });
});

/** Follows into a list until it is stopped. */
function follow(w: World, filter?: string): { found: number[]; stop: () => Promise<void> } {
  const found: number[] = [];
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    const { signal } = stopping;
    for await (const event of w.reader.tail({ collection: "views", filter, signal }))
      found.push(Number(event["n"]));
  };
  const over = run();
  over.catch(() => undefined);
  return {
    found,
    stop: async () => {
      stopping.abort(new EpsilonError("closed", "enough"));
      await soon(w.env, over);
    },
  };
}

/** Written to some of the instances now; the others get it later. */
function now(w: World, n: number): ReadableEvent {
  return eventOf(n, w.env.clock.elapsedMs() / 1000);
}

const isFollowed = (w: World) => () => w.instances.some(({ openTails }) => openTails > 0);

test("a tail goes on elsewhere: what was written in between comes once, what was given is dropped", async () => {
  const w = world(2);
  const tail = follow(w);
  await until(w.env, isFollowed(w));
  for (const n of [1, 2, 3]) {
    const event = now(w, n);
    for (const one of w.instances) one.write(event);
    await w.env.advance(1000);
  }
  const missed = now(w, 4);
  w.env.network.partition(at(w, 0).origin);
  for (const one of w.instances) one.write(missed);
  await w.env.advance(5000);
  assert.deepEqual(tail.found, [1, 2, 3, 4]);
  at(w, 1).write(now(w, 5));
  // What came to the other one late is no news.
  at(w, 1).write(missed);
  await w.env.advance(1000);
  assert.deepEqual(tail.found, [1, 2, 3, 4, 5]);
  await tail.stop();
  assert.equal(at(w, 1).openTails, 0);
});

test("the same run of the same instance goes on at the event's id, without an overlap", async () => {
  const w = world(1);
  const tail = follow(w);
  await until(w.env, isFollowed(w));
  at(w, 0).write(now(w, 1));
  await w.env.advance(10);
  at(w, 0).cutTails();
  at(w, 0).write(now(w, 2));
  await until(w.env, () => tail.found.length === 2);
  assert.deepEqual(tail.found, [1, 2]);
  assert.equal(at(w, 0).count("/events"), 0);
  assert.equal(at(w, 0).count("i0.1-0"), 1, "asked by the id");
  at(w, 0).restart();
  at(w, 0).cutTails();
  at(w, 0).write(now(w, 3));
  await until(w.env, () => tail.found.length === 3);
  assert.equal(at(w, 0).count("/events"), 1, "another run may have lost what the id stood for");
  assert.deepEqual(tail.found, [1, 2, 3]);
  await tail.stop();
});

test("a tail that falls silent is given up for another one", async () => {
  const w = world(2);
  const tail = follow(w);
  await until(w.env, isFollowed(w));
  await w.env.advance(44_000);
  assert.equal(at(w, 1).count("/tail"), 0);
  await w.env.advance(2000);
  assert.equal(at(w, 1).count("/tail"), 1);
  await tail.stop();
});

test("a tail waits for an instance to come back, once it has stood", async () => {
  const w = world(2);
  const tail = follow(w, "n > 0");
  await until(w.env, isFollowed(w));
  for (const { origin } of w.instances) w.env.network.partition(origin);
  for (const one of w.instances) one.write(now(w, 1));
  await w.env.advance(60_000);
  for (const { origin } of w.instances) w.env.network.heal(origin);
  await w.env.advance(15_000);
  assert.deepEqual(tail.found, [1]);
  assert.ok(at(w, 1).seen.every((one) => one.includes("filter=n%20%3E%200")));
  await tail.stop();
  const { env, instances, reader } = world(1);
  env.network.partition(must(instances[0]).origin);
  await assert.rejects(soon(env, reader.tail({ collection: "views" }).next()), { code: "unreachable" });
});

test("tails over instances that break off at random lose nothing and repeat nothing", async () => {
  const steps = fc.array(
    fc.record({
      cut: fc.option(fc.nat({ max: 2 })),
      events: fc.nat({ max: 3 }),
      waitMs: fc.nat({ max: 400 }),
    }),
    { maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const w = world();
      const tail = follow(w);
      await until(w.env, isFollowed(w));
      let n = 0;
      for (const { cut, events, waitMs } of all) {
        if (cut !== null) at(w, cut).cutTails();
        for (let count = 0; count < events; count += 1) {
          n += 1;
          const event = now(w, n);
          for (const one of w.instances) one.write(event);
        }
        await w.env.advance(waitMs);
      }
      await w.env.advance(30_000);
      assert.deepEqual(
        tail.found.toSorted((a, b) => a - b),
        Array.from({ length: n }, (_, index) => index + 1),
      );
      await tail.stop();
    }),
    { numRuns: 100 },
  );
});
