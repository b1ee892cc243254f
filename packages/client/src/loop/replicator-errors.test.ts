/** The loop and errors: what it waits for, what it reports, what it sets aside; others never suffer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv } from "@epsilon/env/testing";
import { EpsilonError } from "@epsilon/model";
import { ArraySource, FakeInstance, type Fate, lineOf, until } from "./loop.fixture.ts";
import type { RejectedBySource } from "./rejected.ts";
import { Replicator } from "./replicator.ts";
import { isIdle, lines, setUp } from "./setup.fixture.ts";

test("a request that hangs is given up after its limit and asked for again", async () => {
  const setup = setUp({ answerLimitMs: 5000 });
  const { env, source, one, loop } = setup;
  source.append(1);
  one.fates = [{ kind: "hang", ms: 1e6 }];
  void loop.start();
  await env.advance(4999);
  assert.deepEqual(one.seen, ["GET"]);
  await env.advance(2);
  assert.equal(loop.state.phase, "waiting");
  assert.equal(loop.state.lastError?.code, "unreachable");
  one.fates = [{ kind: "refuse", status: 503, code: "closed" }];
  await env.advance(5000);
  assert.deepEqual(one.lines, lines(0, 1));
  assert.equal(loop.state.retries, 2);
  assert.equal(loop.state.lastError, null);
  await loop.stop();
});

test("Retry-After is honoured, and errors back off further and further", async () => {
  const setup = setUp();
  const { env, source, one, loop } = setup;
  source.append(1);
  one.fates = [{ kind: "refuse", status: 429, code: "overloaded", retryAfter: 20 }];
  void loop.start();
  await env.advance(19_000);
  assert.deepEqual([one.seen, loop.state.lastError?.code], [["GET"], "overloaded"]);
  assert.ok((loop.state.retryAtMs ?? 0) >= 20_000);
  await env.advance(2000);
  assert.deepEqual(one.lines, lines(0, 1));
  one.fate = () => ({ kind: "refuse", status: 507, code: "disk_full" });
  source.append(1);
  one.seen.length = 0;
  await env.advance(120_000);
  assert.ok(one.seen.length > 12 && one.seen.length < 40, `${one.seen.length} attempts in two minutes`);
  const said = env.reports.filter(({ event }) => event === "replication_waits");
  assert.equal(said.length, 2, "each trouble is said once");
  one.fate = undefined;
  await env.advance(11_000);
  assert.deepEqual(one.lines, lines(0, 2));
  await loop.stop();
});

test("what only a person can set right is tried seldom, and shown", async () => {
  for (const [status, code] of [
    [401, "unauthorized"],
    [403, "forbidden"],
    [400, "bad_collection"],
    [404, "not_found"],
  ] as const) {
    const setup = setUp();
    const { env, source, one, loop } = setup;
    source.append(1);
    one.fate = () => ({ kind: "refuse", status, code });
    void loop.start();
    await env.advance(60_000);
    assert.ok(one.seen.length <= 13, `${code}: ${one.seen.length}`);
    assert.equal(loop.state.lastError?.code, code);
    one.fate = undefined;
    await env.advance(10_001);
    assert.deepEqual(one.lines, lines(0, 1));
    await loop.stop();
  }
});

test("two clients with one source name at one place back off and are reported", async () => {
  const setup = setUp();
  const { env, source, one, loop } = setup;
  source.append(1);
  one.fate = ({ method }): Fate | undefined =>
    method === "POST" ? { kind: "refuse", status: 409, code: "cursor_mismatch" } : undefined;
  void loop.start();
  await env.advance(60_000);
  assert.ok(one.seen.length < 40, `${one.seen.length}`);
  assert.equal(loop.state.lastError?.code, "cursor_mismatch");
  assert.equal(loop.state.mismatches, one.seen.length / 2);
  assert.ok(env.reports.some(({ details }) => details["code"] === "cursor_mismatch"));
  await loop.stop();
});

test("rejected events are told with their place and their bytes, waited for, and the stream goes on", async () => {
  let tell: (() => void) | undefined;
  const seen: RejectedBySource[] = [];
  const setup = setUp({
    onRejected: (event) => {
      seen.push(event);
      if (seen.length === 1) throw new EpsilonError("disk_full", "no room for dead letters");
      return new Promise<void>((resolve) => {
        tell = resolve;
      });
    },
  });
  const { env, source, one, loop } = setup;
  one.rejects = (line) => line === lineOf(3);
  source.append(2);
  const place = source.append(2);
  const end = source.append(1);
  void loop.start();
  await env.advance(100);
  assert.equal(loop.state.lastError?.code, "disk_full");
  assert.equal(loop.state.cursor, null);
  // What the instance holds was not told: it is sent and told again.
  await env.advance(1000);
  assert.equal(seen.length, 2);
  const there = { instance: "http://one:4320", source: "test/source", collection: "views", cursor: place };
  const message = `no: ${lineOf(3)}`;
  for (const { line, ...event } of seen) {
    assert.deepEqual(event, { ...there, code: "bad_number", message });
    assert.equal(new TextDecoder().decode(line), lineOf(3));
  }
  source.append(1);
  await env.advance(1000);
  assert.equal(one.lines.length, 4, "it waits");
  tell?.();
  await until(env, isIdle(setup));
  assert.equal(one.lines.length, 5);
  assert.deepEqual([loop.state.rejected, loop.state.lastError], [1, null]);
  assert.equal(end.position, 5);
  await loop.stop();
});

test("what was rejected in an answer that was lost is heard all the same", async () => {
  for (const fate of [{ kind: "lose" }, { kind: "hang", ms: 1 }, { kind: "hang", ms: 29_999 }] as const) {
    const setup = setUp();
    const { env, source, one, loop, rejected } = setup;
    one.rejects = (line) => line === lineOf(1);
    source.append(2);
    source.append(2);
    one.fate = ({ method }) => {
      if (method === "GET") return undefined;
      one.fate = undefined;
      return fate;
    };
    void loop.start();
    await env.advance(60_000);
    assert.deepEqual(one.lines, [lineOf(0), ...lines(2, 4)]);
    assert.equal(rejected.length, 1);
    await loop.stop();
  }
});

test("a source that cannot be read is read again later", async () => {
  const setup = setUp();
  const { env, source, one, loop } = setup;
  source.append(2);
  source.failNextRead = new EpsilonError("io_error", "the disk is tired");
  void loop.start();
  await env.advance(10);
  assert.equal(loop.state.lastError?.code, "io_error");
  await env.advance(1000);
  assert.deepEqual(one.lines, lines(0, 2));
  await loop.stop();
});

test("a source that says there is more and has nothing costs little", async () => {
  const setup = setUp();
  const { env, source, loop } = setup;
  let asked = 0;
  source.more = async () => {
    asked += 1;
  };
  void loop.start();
  await env.advance(10_000);
  assert.ok(asked > 1 && asked < 12, `${asked}`);
  await loop.stop();
});

test("chunks that are too large for the instance go in pieces, and a line too large is set aside", async () => {
  for (const limits of [{ bytesMax: 400 }, { eventsMax: 3 }]) {
    const setup = setUp();
    const { env, source, one, loop, rejected } = setup;
    Object.assign(one, limits);
    one.rejects = (line) => line === lineOf(5);
    for (let i = 0; i < 6; i++) source.append(2);
    source.append(30);
    source.append(2, (n) => (n % 2 === 0 ? lineOf(n) : `{"long":"${"x".repeat(500)}"}`));
    source.append(2);
    void loop.start();
    await until(env, isIdle(setup));
    const isLong = "bytesMax" in limits;
    assert.equal(one.lines.length, isLong ? 44 : 45);
    assert.deepEqual(
      rejected.map(({ code, cursor }) => [code, cursor.position]),
      [["bad_number", 6], ...(isLong ? [["body_too_large", 44]] : [])],
    );
    await loop.stop();
  }
});

test("a line that spoils its whole request is found and set aside", async () => {
  const setup = setUp();
  const { env, source, one, loop, rejected } = setup;
  one.spoils = (line) => line === lineOf(33);
  for (let i = 0; i < 10; i++) source.append(7);
  void loop.start();
  await until(env, isIdle(setup), 1000);
  assert.deepEqual(one.lines.toSorted(), [...lines(0, 33), ...lines(34, 70)]);
  assert.deepEqual(
    rejected.map(({ code, line }) => [code, new TextDecoder().decode(line)]),
    [["bad_json", lineOf(33)]],
  );
  await loop.stop();
});

test("a dead instance and a slow one cost the others nothing", async () => {
  const env = createSimEnv(5);
  const source = new ArraySource();
  const instances = ["one", "two", "three"].map((name) => new FakeInstance(env, name));
  const [one, two, three] = instances;
  const loops = instances.map(
    ({ origin }) => new Replicator(env, { source, url: origin, onRejected: () => undefined }),
  );
  if (two !== undefined) two.fate = () => ({ kind: "hang", ms: 1e9 });
  if (three !== undefined) three.answerMs = () => 20_000;
  for (const loop of loops) void loop.start();
  for (let i = 0; i < 50; i++) {
    source.append(1);
    await env.advance(5);
  }
  assert.deepEqual(one?.lines, lines(0, 50));
  assert.deepEqual([two?.lines.length, three?.lines.length], [0, 0]);
  await Promise.all(loops.map((loop) => loop.stop()));
});
