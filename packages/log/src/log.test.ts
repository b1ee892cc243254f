/** The log while the disk does what it is told: order, offsets, files, reading, trimming. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createNodeEnv } from "@epsilon/env";
import { createSimEnv } from "@epsilon/env/testing";
import fc from "fast-check";
import { appendAll, bytes, contents, directory, open, shown, worldWith } from "./fixture.ts";
import { openLog } from "./log.ts";

const headerText = fc.string({ unit: "binary" }).map((text) => text.replaceAll("\n", " "));
const aFrame = fc.record({
  header: headerText,
  payload: fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 3 }),
  isAwaited: fc.boolean(),
});

test("what is appended is read back from every frame's start, before and after reopening", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(aFrame, { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 2000 }),
      async (frames, fileBytesMax) => {
        const world = createSimEnv(1);
        let log = await open(world, fileBytesMax);
        const starts: number[] = [];
        for (const { header, payload, isAwaited } of frames) {
          const { start, end, durable } = log.append(header, payload);
          assert.equal(end, log.endOffset);
          starts.push(start);
          if (isAwaited) await durable;
        }
        for (let round = 0; round < 2; round += 1) {
          await log.close();
          log = await open(world, fileBytesMax);
          for (const [index, start] of starts.entries()) {
            let at = index;
            for await (const frame of log.read(start)) {
              const expected = frames[at];
              assert.ok(expected !== undefined);
              assert.equal(frame.start, starts[at]);
              assert.equal(frame.end, starts[at + 1] ?? log.endOffset);
              assert.equal(frame.header, expected.header);
              assert.deepEqual(Buffer.from(frame.payload), Buffer.concat(expected.payload));
              at += 1;
            }
            assert.equal(at, frames.length);
          }
        }
      },
    ),
    { numRuns: 50 },
  ));

test("a file that is full is followed by one named by its first offset", async () => {
  const world = await worldWith(["a:1", "b:2", "c:3"], 1);
  const names = await world.files.list(directory);
  assert.equal(names.length, 3);
  assert.equal(names[0], "00000000000000000000.log");
  const log = await open(world, 1);
  const starts: number[] = [];
  for await (const frame of log.read(0)) starts.push(frame.start);
  assert.deepEqual(
    names,
    starts.map((start) => `${String(start).padStart(20, "0")}.log`),
  );
});

test("a person can read the file", async () => {
  const world = await worldWith(["a header:line one\nline two"]);
  const text = shown(world.disk.bytesOf(`${directory}/00000000000000000000.log`));
  assert.match(text, /^#epsilon 1 0{20} 0{20} 8 17 [0-9a-f]{8}\na header\nline one\nline two\n$/);
});

test("frames of one turn share one append and one sync; those that come meanwhile the next", async () => {
  const world = createSimEnv(1);
  const log = await open(world);
  const before = world.disk.operations;
  const first = ["a", "b", "c"].map((name) => log.append(name, []).durable);
  const settled: number[] = [];
  first.forEach((durable, index) => void durable.then(() => settled.push(index)));
  await first[0];
  assert.equal(world.disk.operations - before, 2);
  assert.equal(log.durableOffset, log.endOffset);
  await Promise.all([log.append("d", []).durable, log.append("e", []).durable, ...first]);
  assert.equal(world.disk.operations - before, 4);
  assert.deepEqual(settled, [0, 1, 2]);
});

test("reading gives only what is durable", async () => {
  const log = await open(createSimEnv(1));
  await appendAll(log, ["a:1"]);
  const { durable } = log.append("b", []);
  assert.ok(log.durableOffset < log.endOffset);
  assert.deepEqual(await contents(log, 0), ["a:1"]);
  await durable;
  assert.deepEqual(await contents(log, 0), ["a:1", "b:"]);
  assert.deepEqual(await contents(log, log.endOffset), []);
});

test("reading from where no frame starts is refused, and says where", async () => {
  const log = await open(createSimEnv(1));
  await appendAll(log, ["a:1", "b:2"]);
  await assert.rejects(contents(log, 1), { code: "log_damaged" });
  await assert.rejects(contents(log, log.endOffset + 1), { code: "log_damaged" });
});

test("trim removes the files that lie wholly before, and never the last", async () => {
  const world = await worldWith(["a:1", "b:2", "c:3"], 1);
  let log = await open(world, 1);
  const starts: number[] = [];
  for await (const frame of log.read(0)) starts.push(frame.start);
  const [, second = 0, third = 0] = starts;
  await log.trim(second - 1);
  assert.equal(log.startOffset, 0);
  await log.trim(second);
  assert.equal(log.startOffset, second);
  assert.equal(log.sizeBytes, log.endOffset - second);
  assert.deepEqual(await contents(log), ["b:2", "c:3"]);
  await assert.rejects(contents(log, 0), { code: "log_damaged" });
  await log.trim(log.endOffset);
  assert.equal(log.startOffset, third);
  await log.close();
  log = await open(world, 1);
  assert.deepEqual(await contents(log), ["c:3"]);
});

test("what is being read is not trimmed", async () => {
  const log = await open(await worldWith(["a:1", "b:2", "c:3"], 1), 1);
  const reading = log.read(0)[Symbol.asyncIterator]();
  await reading.next();
  await log.trim(log.endOffset);
  assert.equal((await reading.next()).value?.header, "b");
  assert.equal((await reading.next()).value?.header, "c");
  assert.equal((await reading.next()).done, true);
  await log.trim(log.endOffset);
  assert.deepEqual(await contents(log), ["c:3"]);
});

test("a trim that fails leaves the log whole, and can be repeated", async () => {
  const world = await worldWith(["a:1", "b:2"], 1);
  const log = await open(world, 1);
  world.disk.failNext({ op: "remove", code: "io_error" });
  await assert.rejects(log.trim(log.endOffset), { code: "io_error" });
  assert.deepEqual(await contents(log), ["a:1", "b:2"]);
  await log.trim(log.endOffset);
  assert.deepEqual(await contents(log), ["b:2"]);
});

test("firstOffset: an empty log begins there, a shorter one is replaced, a longer one loses what lies before", async () => {
  const fresh = createSimEnv(1);
  const begun = await open(fresh, 1, 500);
  assert.equal(begun.startOffset, 500);
  assert.equal(begun.append("a", []).start, 500);
  await begun.close();

  const behind = await worldWith(["a:1"], 1000);
  const replaced = await open(behind, 1000, 5000);
  assert.deepEqual([replaced.startOffset, replaced.endOffset], [5000, 5000]);
  assert.deepEqual(await behind.files.list(directory), ["00000000000000005000.log"]);
  assert.ok(behind.reports.some(({ event }) => event === "log_behind"));
  await appendAll(replaced, ["b:2"]);
  assert.deepEqual(await contents(replaced), ["b:2"]);

  const ahead = await worldWith(["a:1", "b:2", "c:3"], 1);
  const [, second = 0] = (await ahead.files.list(directory)).map((name) => Number.parseInt(name, 10));
  const kept = await open(ahead, 1, second);
  assert.deepEqual(await contents(kept), ["b:2", "c:3"]);
});

test("a closed log refuses appends, and close waits for those before", async () => {
  const world = createSimEnv(1);
  const log = await open(world);
  const { durable } = log.append("a", [bytes("1")]);
  const closing = log.close();
  await assert.rejects(log.append("b", []).durable, { code: "closed" });
  await closing;
  await durable;
  assert.deepEqual(await contents(await open(world)), ["a:1"]);
});

test("a frame beyond the limit, or a header of two lines, is refused at once", async () => {
  const log = await open(createSimEnv(1));
  const part = new Uint8Array(64 * 1024 * 1024);
  assert.throws(() => log.append("a", [part, part, part, part]), { code: "body_too_large" });
  assert.throws(() => log.append("a\nb", []), { name: "AssertionError" });
  assert.equal(log.endOffset, 0);
});

test("frames larger than one read", async () => {
  const log = await open(createSimEnv(1), 100 * 1024 * 1024);
  const large = new Uint8Array(5 * 1024 * 1024).fill(0x61);
  await Promise.all([log.append("a", [large]).durable, log.append("b", [bytes("small")]).durable]);
  await log.append("c", [large, large]).durable;
  const lengths: number[] = [];
  for await (const frame of log.read(0)) lengths.push(frame.payload.length);
  assert.deepEqual(lengths, [large.length, 5, 2 * large.length]);
});

test("on a real file system", async () => {
  const folder = await mkdtemp(join(tmpdir(), "epsilon-log-"));
  try {
    const options = { directory: join(folder, "log"), fileBytesMax: 500 };
    const env = createNodeEnv();
    let log = await openLog(env, options);
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => log.append(`h${index}`, [bytes("x")]).durable),
    );
    await appendAll(log, ["last:1", "very last:2"]);
    await log.trim(log.endOffset);
    assert.ok(0 < log.startOffset);
    await log.close();
    log = await openLog(env, options);
    assert.deepEqual((await contents(log)).at(-1), "very last:2");
    await log.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});
