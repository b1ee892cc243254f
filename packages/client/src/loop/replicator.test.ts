/** The loop, case by case: where it goes on, how much it sends, what it says of itself, how it ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cursor, EpsilonError, formatCursor } from "@epsilon/model";
import { type Fate, lineOf, until } from "./loop.fixture.ts";
import { Replicator } from "./replicator.ts";
import { isIdle, lines, type Setup, setUp } from "./setup.fixture.ts";

test("what is there goes in one request, what comes goes at once, and the state says so", async () => {
  const setup = setUp();
  const { env, source, one, loop } = setup;
  assert.deepEqual([loop.state.phase, loop.state.instanceId, loop.state.cursor], ["asking", null, null]);
  source.append(2);
  const end = source.append(3);
  void loop.start();
  await until(env, isIdle(setup));
  assert.deepEqual(one.seen, ["GET", `POST ->${formatCursor(end)}`]);
  one.snapshotted = formatCursor(end);
  const last = source.append(1);
  const isThere = loop.waitFor(last);
  await env.advance(5);
  await isThere;
  assert.deepEqual(one.lines, lines(0, 6));
  const { lastAnswerMs, ...state } = loop.state;
  assert.equal(lastAnswerMs, 1);
  assert.deepEqual(state, {
    url: "http://one:4320",
    source: "test/source",
    collection: "views",
    phase: "idle",
    instanceId: "one",
    incarnation: "run1",
    cursor: last,
    snapshotted: end,
    lag: 0,
    lastError: null,
    retryAtMs: null,
    retries: 0,
    mismatches: 0,
    totals: { received: 0, stored: 0, duplicates: 0, rejected: 0, conflicts: 0 },
    totalsBefore: { received: 0, stored: 0, duplicates: 0, rejected: 0, conflicts: 0 },
    rejected: 0,
    freshEvents: 0,
    deliveredEvents: 6,
    deliveredBytes: lines(0, 6).join("\n").length + 1,
  });
  await loop.stop();
});

test("with nothing to send, the instance is asked again every 10 seconds", async () => {
  const setup = setUp();
  const { env, source, one, loop } = setup;
  void loop.start();
  await env.advance(35_000);
  assert.deepEqual(one.seen, ["GET", "GET", "GET", "GET"]);
  const end = source.append(1);
  await env.advance(9000);
  assert.equal(one.seen.length, 5, "an answer to a write is as good as being asked");
  // What the instance's snapshots hold comes with the answer.
  one.snapshotted = formatCursor(end);
  assert.equal(loop.state.snapshotted, null);
  await env.advance(2000);
  assert.equal(one.seen.length, 6);
  assert.deepEqual(loop.state.snapshotted, end);
  await loop.stop();
});

test("an instance that was emptied while nothing came is filled again when it is asked", async () => {
  const setup = setUp();
  const { env, source, one, loop } = setup;
  source.append(4);
  void loop.start();
  await until(env, isIdle(setup));
  one.restart({ lines: [], streams: new Map() });
  await env.advance(11_000);
  assert.deepEqual(one.lines, lines(0, 4));
  assert.equal(loop.state.incarnation, "run2");
  await loop.stop();
});

test("another incarnation in an answer is asked at once, whether or not it stands elsewhere", async () => {
  const setup = setUp();
  const { env, source, one, loop } = setup;
  source.append(2);
  void loop.start();
  await until(env, isIdle(setup));
  const copy = one.checkpoint();
  source.append(2);
  await until(env, isIdle(setup));
  one.seen.length = 0;
  one.restart();
  source.append(1);
  await env.advance(10);
  assert.deepEqual(
    one.seen.map((text) => text.slice(0, 4)),
    ["POST", "GET"],
  );
  one.restart(copy);
  source.append(1);
  await env.advance(10);
  assert.deepEqual(one.lines, lines(0, 6));
  assert.equal(loop.state.mismatches, 1);
  assert.equal(loop.state.lastError, null, "a mismatch that is set right is no trouble");
  await loop.stop();
});

test("a source that was trimmed too far is sent with a gap, which is recorded once", async () => {
  const setup = setUp();
  const { env, source, one, loop } = setup;
  const first = source.append(2);
  void loop.start();
  await until(env, isIdle(setup));
  env.network.partition(one.origin);
  for (let i = 0; i < 3; i++) source.append(2);
  await env.advance(20_000);
  source.trim(3);
  one.fates = [];
  one.fate = ({ method }) => {
    if (method === "GET") return undefined;
    one.fate = undefined;
    return { kind: "lose" };
  };
  env.network.heal(one.origin);
  // What was read ahead before it was trimmed is still sent: nothing is missing.
  await until(env, isIdle(setup));
  assert.deepEqual([one.lines, one.gaps(first.stream)], [lines(0, 8), []]);

  one.restart({
    lines: lines(0, 2),
    streams: new Map([["life0", { cursor: formatCursor(first), gaps: [] }]]),
  });
  one.fate = ({ method }) =>
    method === "POST" ? { kind: "refuse", status: 507, code: "disk_full" } : undefined;
  await env.advance(12_000);
  assert.deepEqual(loop.state.cursor, first, "it stands in front of the gap until that is recorded");
  assert.equal(loop.state.lag, 6);
  one.fate = ({ method }) => {
    if (method === "GET") return undefined;
    one.fate = undefined;
    return { kind: "lose" };
  };
  await env.advance(30_000);
  assert.deepEqual(one.lines, [...lines(0, 2), ...lines(6, 8)]);
  assert.deepEqual(one.gaps(first.stream), [{ from: 2, to: 6, reason: "trimmed" }]);
  assert.equal(loop.state.cursor?.position, 8);
  await loop.stop();
});

test("a gap with nothing behind it is recorded alone", async () => {
  const setup = setUp();
  const { env, source, one, loop } = setup;
  const end: Cursor = { stream: "life0", position: 7, check: "c" };
  source.resume = async (standing) =>
    standing.length > 0
      ? { after: end, gap: null }
      : { after: end, gap: { from: null, to: 7, reason: "trimmed" } };
  source.end = async () => end;
  source.more = (_, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  void loop.start();
  await until(env, isIdle(setup));
  assert.deepEqual(one.seen, ["GET", "POST *>life0:7:c"]);
  assert.deepEqual(one.gaps("life0"), [{ from: null, to: 7, reason: "trimmed" }]);
  await loop.stop();
});

test("a new life of the source begins a new stream, and what waits for the old one is told", async () => {
  const setup = setUp();
  const { env, source, one, loop } = setup;
  source.append(2);
  void loop.start();
  await until(env, isIdle(setup));
  const copy = one.checkpoint();
  const lost = source.append(1);
  await until(env, isIdle(setup));
  source.loseTail(1);
  await loop.stop();
  const other = new Replicator(env, { source, url: one.origin, onRejected: () => undefined });
  const waiting = other.waitFor({ ...lost, position: lost.position + 1 });
  const refused = assert.rejects(waiting, { code: "cursor_mismatch" });
  void other.start();
  await until(env, () => other.state.phase === "idle" && other.state.lag === 0);
  await refused;
  assert.equal(other.state.cursor?.stream, "life1");
  assert.equal(one.cursor("life1"), formatCursor({ ...lost, ...other.state.cursor }));
  assert.deepEqual(one.lines, lines(0, 3), "the tail stays where it is, nothing is there twice");
  // Set back to before that: both lives are behind, and the present one is sent.
  one.restart(copy);
  source.append(1);
  await env.advance(12_000);
  assert.deepEqual(one.lines, [...lines(0, 2), lineOf(3)]);
  await other.stop();
});

test("a new life in the middle of reading is gone over to", async () => {
  const setup = setUp();
  const { env, source, one, loop } = setup;
  source.append(2);
  void loop.start();
  await until(env, isIdle(setup));
  source.renew();
  await env.advance(10);
  const end = await source.end();
  assert.deepEqual(loop.state.cursor, end);
  assert.equal(one.cursor("life1"), end === null ? "" : formatCursor(end));
  await loop.stop();
});

test("the next batch is read while one is under way", async () => {
  const setup = setUp();
  const { env, source, one, loop } = setup;
  one.answerMs = () => 100;
  for (let i = 0; i < 100; i++) source.append(100);
  void loop.start();
  await until(env, () => one.bodies.length === 1);
  assert.ok(source.reads.size * 8000 > (one.bodies[0] ?? 0) * 1.8, `${source.reads.size} chunks`);
  assert.ok(source.reads.size < 100);
  await loop.stop();
});

test("a batch ends where the source goes over to another stream", async () => {
  const setup = setUp();
  const { env, source, one, loop } = setup;
  const old: Cursor = { stream: "file1", position: 1, check: "a" };
  const end: Cursor = { stream: "file2", position: 1, check: "b" };
  const encode = (n: number) => new TextEncoder().encode(`${lineOf(n)}\n`);
  source.resume = async () => ({ after: null, gap: null });
  source.end = async () => end;
  source.read = async function* ({ after }) {
    if (after === null) yield { after, cursor: old, events: 1, lines: encode(1) };
    if (after?.stream !== "file2") yield { after: null, cursor: end, events: 1, lines: encode(2) };
  };
  source.more = (_, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const reached = loop.waitFor(old);
  void loop.start();
  await until(env, isIdle(setup));
  await reached;
  assert.deepEqual(one.seen, ["GET", "POST ->file1:1:a", "POST ->file2:1:b"]);
  assert.deepEqual(one.lines, lines(1, 3));
  await loop.stop();
});

test("batches grow until an answer takes a few hundred milliseconds", async () => {
  const setup = setUp();
  const { env, source, one, loop } = setup;
  one.answerMs = (bytes) => 5 + bytes / 2000;
  for (let i = 0; i < 2000; i++) source.append(20);
  void loop.start();
  await until(env, isIdle(setup));
  const steady = one.bodies.slice(2, -1);
  assert.ok(steady.length > 3);
  for (const bytes of steady) assert.ok(bytes > 300_000 && bytes < 1_000_000, `${bytes}`);
  await loop.stop();
});

test("waitFor: beyond counts, set back counts no more, a signal and the end are told", async () => {
  const setup = setUp();
  const { env, source, one, loop } = setup;
  const early = source.append(1);
  const late = source.append(1);
  const settled: string[] = [];
  const watch = (name: string, wait: Promise<void>) =>
    wait.then(
      () => settled.push(name),
      (error: unknown) => settled.push(`${name}: ${error instanceof EpsilonError ? error.code : error}`),
    );
  void watch("early", loop.waitFor(early));
  void watch("late", loop.waitFor(late));
  void watch("never", loop.waitFor({ ...late, position: 3 }));
  void watch("elsewhere", loop.waitFor({ ...late, check: "other", position: 2 }));
  const stop = new AbortController();
  void watch("stopped", loop.waitFor({ ...late, position: 3 }, stop.signal));
  stop.abort("enough");
  await env.advance(0);
  assert.deepEqual(settled, ["stopped: enough"]);
  void loop.start();
  await until(env, isIdle(setup));
  await env.advance(0);
  assert.deepEqual(settled.slice(1), ["early", "late"]);
  await loop.waitFor(early);
  env.network.partition(one.origin);
  one.restart({ lines: [], streams: new Map() });
  env.network.heal(one.origin);
  one.fate = ({ method }) =>
    method === "POST" ? { kind: "refuse", status: 507, code: "disk_full" } : undefined;
  await env.advance(12_000);
  void watch("again", loop.waitFor(early));
  await env.advance(0);
  assert.equal(settled.length, 3, "it stands there no more");
  await loop.stop();
  await assert.rejects(loop.waitFor(early), { code: "closed" });
  await env.advance(0);
  assert.deepEqual(settled.slice(3), ["never: closed", "elsewhere: closed", "again: closed"]);
});

test("stop ends it at once, whatever it does", async () => {
  const hang: Fate = { kind: "hang", ms: 1e9 };
  const ways: ((setup: Setup) => void)[] = [
    () => undefined,
    ({ one }) => {
      one.fates = [hang];
    },
    ({ one, source }) => {
      source.append(1);
      one.fate = ({ method }) => (method === "POST" ? hang : undefined);
    },
    ({ one }) => {
      one.fate = () => ({ kind: "refuse", status: 500, code: "internal" });
    },
    ({ source }) => {
      source.resume = () => new Promise(() => undefined);
    },
    ({ source }) => {
      source.end = () => new Promise(() => undefined);
    },
    ({ source }) => {
      source.read = () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) });
    },
  ];
  for (const way of ways) {
    const setup = setUp();
    const { env, loop } = setup;
    way(setup);
    const done = loop.start();
    await env.advance(50);
    assert.notEqual(loop.state.phase, "stopped");
    const nowMs = env.clock.elapsedMs();
    await loop.stop();
    await done;
    assert.equal(env.clock.elapsedMs(), nowMs);
    assert.equal(loop.state.phase, "stopped");
  }
  const never = setUp();
  await never.loop.stop();
  await never.loop.start();
  assert.equal(never.loop.state.phase, "stopped");
  assert.deepEqual(never.one.seen, []);
});
