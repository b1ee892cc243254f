/** While an instance catches up, what is written now is there within a second. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCursor } from "@epsilon/model";
import { lineOf, until } from "./loop.fixture.ts";
import { isIdle, lines, type Setup, setUp } from "./setup.fixture.ts";

/** A backlog of so many events in chunks of a hundred, and an instance that takes a millisecond for 20 bytes. */
function behind(events: number, freshLagMin = 1000): Setup {
  const setup = setUp({ freshLagMin });
  for (let count = 0; count < events; count += 100) setup.source.append(100);
  setup.one.answerMs = (bytes) => 1 + bytes / 20;
  return setup;
}

test("an event that is written now is on the instance within a second, and the backlog goes on", async () => {
  const setup = behind(8_000);
  const { env, source, one, loop } = setup;
  void loop.start();
  await env.advance(3000);
  assert.ok(one.lines.length < 4_000, `${one.lines.length}`);
  const end = source.append(1);
  await env.advance(1000);
  assert.ok(one.lines.includes(lineOf(8_000)), "it went ahead");
  assert.ok(loop.state.lag !== 0 && one.lines.length < 6_000, "the backlog is still long");
  assert.equal(loop.state.freshEvents, 1);
  await until(env, isIdle(setup));
  assert.deepEqual([...one.lines].sort(), lines(0, 8_001).sort());
  assert.equal(one.cursor(end.stream), formatCursor(end));
  await loop.stop();
  assert.equal(source.open, 0);
});

test("half of the way stays the backlog's, however much is written", async () => {
  const timeOf = async (writes: boolean): Promise<number> => {
    const setup = behind(4_000);
    const { env, source, one, loop } = setup;
    void loop.start();
    const isThere = () => one.lines.includes(lineOf(3_999));
    for (let step = 0; !isThere(); step += 1) {
      assert.ok(step < 10_000);
      if (writes) source.append(20);
      await env.advance(50);
    }
    const elapsedMs = env.clock.elapsedMs();
    await loop.stop();
    return elapsedMs;
  };
  const [alone, beside] = [await timeOf(false), await timeOf(true)];
  // The simulated instance answers both at once: what is looked at is that the loop is not made to wait.
  assert.ok(beside < alone * 2, `${beside} ms, alone ${alone} ms`);
});

test("what fails ahead never holds up the loop, and is brought by it", async () => {
  const setup = behind(4_000);
  const { env, source, one, loop } = setup;
  one.fate = ({ headers, method }) =>
    method === "POST" && headers["epsilon-cursor"] === undefined
      ? { kind: "refuse", status: 429, code: "overloaded", retryAfter: 60 }
      : undefined;
  void loop.start();
  for (let count = 0; count < 20; count += 1) {
    source.append(5);
    await env.advance(100);
  }
  await until(env, isIdle(setup));
  assert.deepEqual(one.lines, lines(0, 4_100));
  assert.deepEqual([loop.state.freshEvents, loop.state.lastError], [0, null]);
  await loop.stop();
});

test("an event that is refused ahead is told once: when the loop brings it", async () => {
  const setup = behind(4_000);
  const { env, source, one, loop, rejected } = setup;
  one.rejects = (line) => line === lineOf(4_000);
  void loop.start();
  await env.advance(1000);
  source.append(2);
  await env.advance(1000);
  assert.deepEqual([rejected.length, one.lines.includes(lineOf(4_001))], [0, true]);
  await until(env, isIdle(setup));
  assert.equal(rejected.length, 1);
  await loop.stop();
});

test("with a short way to go, and from a file, nothing goes ahead", async () => {
  const setup = behind(500);
  const { env, one, loop } = setup;
  void loop.start();
  await until(env, isIdle(setup));
  assert.ok(one.seen.every((request) => request !== "POST ->-"));
  await loop.stop();
});
