/** Opening what a crash or a failing disk has left: every cut and every flipped bit of a small log. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv } from "@epsilon/env/testing";
import { EpsilonError } from "@epsilon/model";
import { appendAll, bytes, contents, directory, open, shown, worldWith } from "./fixture.ts";
import { encodeFrame, frameBuffers } from "./frame.ts";

const only = `${directory}/00000000000000000000.log`;
const frames = ["first:payload one", "second:", 'third:{"_ts":"2026-01-01T00:00:00Z"}'];

/** The bytes of a log of `frames`, and where each frame ends. */
async function sample(): Promise<{ readonly whole: Uint8Array; readonly ends: number[] }> {
  const world = await worldWith(frames);
  const log = await open(world);
  const ends: number[] = [];
  for await (const frame of log.read(0)) ends.push(frame.end);
  return { whole: world.disk.bytesOf(only), ends };
}

test("cut at any byte, the log has exactly its whole frames, and goes on", async () => {
  const { whole, ends } = await sample();
  for (let length = 0; length <= whole.length; length += 1) {
    const world = createSimEnv(length);
    world.disk.put(only, whole.slice(0, length));
    let log = await open(world);
    const expected = frames.slice(0, ends.filter((end) => end <= length).length);
    assert.deepEqual(await contents(log), expected, `cut at ${length}`);
    await appendAll(log, ["after:wards"]);
    await log.close();
    world.crash();
    log = await open(world);
    assert.deepEqual(await contents(log), [...expected, "after:wards"], `cut at ${length}`);
  }
});

test("the cut holds for a file that follows others too", async () => {
  const { whole, ends } = await sample();
  const [, second = 0] = ends;
  const rest = `${directory}/${String(second).padStart(20, "0")}.log`;
  for (let length = second; length < whole.length; length += 1) {
    const world = createSimEnv(length);
    world.disk.put(only, whole.slice(0, second));
    world.disk.put(rest, whole.slice(second, length));
    const log = await open(world);
    assert.deepEqual(await contents(log), frames.slice(0, 2));
    assert.equal(log.endOffset, second);
  }
});

test("any flipped bit is a torn tail behind the last known sync, or damage with its place; never a wrong frame", async () => {
  const { whole, ends } = await sample();
  // The last frame knows that everything before it was synced.
  const [, synced = 0] = ends;
  for (let at = 0; at < whole.length; at += 1) {
    for (let bit = 0; bit < 8; bit += 1) {
      const world = createSimEnv(1);
      world.disk.put(only, whole);
      world.disk.corrupt(only, at, 1 << bit);
      const opening = open(world);
      if (at < synced) {
        const frameStart = [0, ...ends].findLast((end) => end <= at);
        await assert.rejects(
          opening,
          (error: unknown) => {
            assert.ok(error instanceof EpsilonError);
            assert.equal(error.code, "log_damaged", `byte ${at}, bit ${bit}: ${error.message}`);
            assert.equal(error.details["file"], only);
            assert.equal(error.details["offset"], frameStart, `byte ${at}, bit ${bit}`);
            return true;
          },
          `byte ${at}, bit ${bit}`,
        );
        assert.deepEqual(world.disk.bytesOf(only).length, whole.length, "damage is not cut");
      } else {
        assert.deepEqual(await contents(await opening), frames.slice(0, 2), `byte ${at}, bit ${bit}`);
      }
    }
  }
});

test("damage in a file that is not the last is found when it is read", async () => {
  const world = await worldWith(frames, 1);
  world.disk.corrupt(only, 80);
  const log = await open(world, 1);
  await assert.rejects(contents(log), (error: unknown) => {
    assert.ok(error instanceof EpsilonError);
    assert.deepEqual([error.code, error.details["file"], error.details["offset"]], ["log_damaged", only, 0]);
    return true;
  });
});

test("a file in the midst that is too short, or missing, is damage", async () => {
  const short = await worldWith(frames, 1);
  const bytesBefore = short.disk.bytesOf(only);
  short.disk.put(only, bytesBefore.slice(0, bytesBefore.length - 1));
  await assert.rejects(open(short, 1), { code: "log_damaged" });

  const missing = await worldWith(frames, 1);
  const [, second = ""] = await missing.files.list(directory);
  await missing.files.remove(`${directory}/${second}`);
  await assert.rejects(open(missing, 1), { code: "log_damaged" });
});

test("whole frames behind a bad one that do not know it as synced are part of the torn tail", async () => {
  const world = createSimEnv(1);
  // One group: both were written before either was synced, and only the second reached the disk.
  const first = encodeFrame(0, "first", [bytes("1")]);
  const second = encodeFrame(first.end, "second", [bytes("2")]);
  const group = Buffer.concat([...frameBuffers(first, 0), ...frameBuffers(second, 0)]);
  group.fill(0, 40, 50);
  world.disk.put(only, group);
  const log = await open(world);
  assert.equal(log.endOffset, 0);
  const [cut] = world.reports.filter(({ event }) => event === "log_tail_cut");
  assert.equal(cut?.details["tornBytes"], group.length);
});

test("frames inside a payload are not taken for the log's own", async () => {
  const inner = encodeFrame(0, "inner", [bytes("x")]);
  const payload = Buffer.concat([bytes("\n"), ...frameBuffers(inner, 0), ...frameBuffers(inner, 0)]);
  const world = createSimEnv(1);
  let log = await open(world);
  await log.append("outer", [payload]).durable;
  await log.close();
  world.disk.corrupt(only, 10);
  log = await open(world);
  assert.deepEqual(await contents(log), []);
});

test("a newer format is refused, whatever it looks like, and nothing is cut", async () => {
  for (const line of [
    "#epsilon 2 something new\nand more\n",
    `#epsilon 2 ${"0".repeat(20)} ${"0".repeat(20)} 1 1 00000000\nh\np\n`,
  ]) {
    const world = createSimEnv(1);
    world.disk.put(only, bytes(line));
    await assert.rejects(open(world), { code: "data_from_newer_version" });
    assert.equal(shown(world.disk.bytesOf(only)), line);
  }
});

test("other files in the folder are nobody's business", async () => {
  const world = await worldWith(frames);
  world.disk.put(`${directory}/notes.txt`, bytes("hello"));
  world.disk.put(`${directory}/1.log`, bytes("hello"));
  assert.deepEqual(await contents(await open(world)), frames);
});
