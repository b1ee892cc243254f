/** The log on a disk that fails or crashes: what was promised is kept, what was refused does not come back. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv } from "@epsilon/env/testing";
import { EpsilonError } from "@epsilon/model";
import fc from "fast-check";
import { appendAll, bytes, contents, directory, open, worldWith } from "./fixture.ts";

const only = `${directory}/00000000000000000000.log`;

test("a failed sync is final: all that wait and all that come are refused", async () => {
  const world = await worldWith(["a:1"]);
  const log = await open(world);
  world.disk.failNext({ op: "sync", code: "io_error" });
  const waiting = [log.append("b", []).durable, log.append("c", []).durable];
  for (const durable of waiting) await assert.rejects(durable, { code: "store_failed" });
  assert.equal(log.failure?.code, "store_failed");
  await assert.rejects(log.append("d", []).durable, { code: "store_failed" });
  assert.equal(log.endOffset, log.durableOffset);
  assert.ok(world.reports.some(({ level, event }) => level === "error" && event === "log_failed"));
  assert.deepEqual(await contents(log, 0), ["a:1"]);
  await log.close();
});

test("an append that fails for no known reason is final as well", async () => {
  const world = createSimEnv(1);
  const log = await open(world);
  world.disk.failNext({ op: "append", code: "io_error" });
  await assert.rejects(log.append("b", []).durable, { code: "store_failed" });
});

test("a new file whose name cannot be made durable is final as well", async () => {
  const world = await worldWith(["a:1"], 1);
  const log = await open(world, 1);
  world.disk.failNext({ op: "syncDirectory", code: "disk_full" });
  await assert.rejects(log.append("b", []).durable, { code: "store_failed" });
});

test("a full disk refuses what waits, gives the offsets back, and the log goes on", async () => {
  const world = createSimEnv(1);
  let log = await open(world);
  await appendAll(log, ["a:1"]);
  const end = log.endOffset;
  world.disk.setCapacity(world.disk.usedBytes + 150);
  const refused = Array.from({ length: 3 }, (_, index) => log.append(`b${index}`, [bytes("x")]).durable);
  await Promise.resolve();
  await Promise.resolve();
  // Behind them in the queue.
  refused.push(log.append("late", []).durable);
  for (const durable of refused) await assert.rejects(durable, { code: "disk_full" });
  assert.deepEqual([log.endOffset, log.durableOffset, log.failure], [end, end, undefined]);
  world.disk.setCapacity(1_000_000);
  assert.equal(log.append("c", [bytes("2")]).start, end);
  await log.close();
  world.crash();
  log = await open(world);
  assert.deepEqual(await contents(log), ["a:1", "c:2"]);
});

test("a disk too full for a new file refuses, and the log goes on", async () => {
  const world = await worldWith(["a:1"], 1);
  const log = await open(world, 1);
  world.disk.failNext({ op: "open", code: "disk_full" });
  await assert.rejects(log.append("b", []).durable, { code: "disk_full" });
  await appendAll(log, ["c:3"]);
  assert.deepEqual(await contents(log), ["a:1", "c:3"]);
});

test("what was refused for a full disk does not come back with a crash", async () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const world = createSimEnv(seed);
    const log = await open(world);
    await appendAll(log, ["a:1"]);
    // Room for the first frame and a part of the second.
    world.disk.setCapacity(world.disk.usedBytes + 120);
    const refused = [log.append("b", [bytes("2")]).durable, log.append("c", [bytes("3")]).durable];
    for (const durable of refused) await assert.rejects(durable, { code: "disk_full" });
    world.crash();
    assert.deepEqual(await contents(await open(world)), ["a:1"]);
  }
});

test("a cut that fails after a full disk is final", async () => {
  const world = createSimEnv(1);
  const log = await open(world);
  world.disk.setCapacity(10);
  world.disk.failNext({ op: "truncate", code: "io_error" });
  await assert.rejects(log.append("b", []).durable, { code: "store_failed" });
  assert.equal(log.failure?.code, "store_failed");
});

test("what a killed process left unsynced is either cut or durable once the log is open", async () => {
  const whole = (await worldWith(["a:1", "b:2"])).disk.bytesOf(only);
  for (let seed = 0; seed < 50; seed += 1) {
    const world = createSimEnv(seed);
    await world.files.makeDirectory(directory);
    const left = await world.files.open(only, "create");
    await left.append([whole]);
    const log = await open(world.boot());
    assert.deepEqual(await contents(log), ["a:1", "b:2"]);
    world.crash();
    assert.deepEqual(await contents(await open(world.boot())), ["a:1", "b:2"]);
  }
});

test("a crash during trim leaves no hole", async () => {
  for (let seed = 0; seed < 100; seed += 1) {
    const frames = ["a:1", "b:2", "c:3", "d:4", "e:5"];
    const world = createSimEnv(seed);
    const log = await open(world.boot(), 1);
    await appendAll(log, frames);
    world.disk.crashAfter(seed % 8);
    await log.trim(log.endOffset).catch(() => undefined);
    world.crash();
    const found = await contents(await open(world.boot(), 1));
    assert.deepEqual(found, frames.slice(frames.length - found.length));
  }
});

const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant("append" as const) },
  { weight: 3, arbitrary: fc.constant("wait" as const) },
  { weight: 1, arbitrary: fc.constant("trim" as const) },
);

test("whatever moment the machine stops: what was durable is there, in order, and nothing that never was", () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 2 ** 32 }),
      fc.array(fc.record({ crashAfter: fc.nat(25), steps: fc.array(step, { maxLength: 25 }) }), {
        minLength: 1,
        maxLength: 5,
      }),
      fc.constantFrom(1, 200, 1000),
      async (seed, runs, fileBytesMax) => {
        const world = createSimEnv(seed);
        /** Frames that are surely in the log, by name, and the first of those that trim has left. */
        let kept: string[] = [];
        let number = 0;
        for (const { crashAfter, steps } of runs) {
          const env = world.boot();
          const appended: { readonly name: string; isDurable: boolean }[] = [];
          let trimmedBefore = 0;
          world.disk.crashAfter(crashAfter);
          try {
            const log = await open(env, fileBytesMax);
            const found = await contents(log);
            assert.deepEqual(
              found,
              kept.slice(kept.length - found.length),
              "a run after another finds the same",
            );
            kept = found;
            for (const what of steps) {
              if (what === "append") {
                const entry = { name: `frame ${number}`, isDurable: false };
                number += 1;
                appended.push(entry);
                const { durable } = log.append(entry.name, [bytes("some payload")]);
                durable.then(
                  () => {
                    entry.isDurable = true;
                  },
                  () => undefined,
                );
              } else if (what === "wait") await env.clock.sleep(0);
              else {
                trimmedBefore = Math.max(trimmedBefore, log.durableOffset);
                await log.trim(log.durableOffset);
              }
            }
            await log.close();
          } catch (error) {
            if (!(error instanceof EpsilonError)) throw error;
            assert.ok(error.code === "io_error", `${error.code}: ${error.message}`);
          }
          world.crash();
          const log = await open(world.boot(), fileBytesMax);
          const found = await contents(log);
          const promised = [...kept, ...appended.filter((entry) => entry.isDurable).map(toContent)];
          const all = [...kept, ...appended.map(toContent)];
          // Trimming may have taken from the front; what is there is one unbroken piece of what was appended,
          const first = found[0] === undefined ? -1 : all.indexOf(found[0]);
          assert.deepEqual(found, first < 0 ? [] : all.slice(first, first + found.length));
          // and it reaches at least to the end of what was promised.
          if (trimmedBefore === 0) {
            assert.ok(found.length >= promised.length, `${found.length} of ${promised.length}`);
            if (0 < kept.length) assert.equal(found[0], kept[0]);
          }
          const lastPromised = promised.at(-1);
          if (lastPromised !== undefined && 0 < found.length)
            assert.ok(all.indexOf(lastPromised) <= all.indexOf(found.at(-1) ?? ""));
          await log.close();
          world.crash();
          kept = found;
        }
        assert.ok((await world.files.list(directory)).length <= number + 1);
      },
    ),
    { numRuns: 300 },
  ));

function toContent({ name }: { readonly name: string }): string {
  return `${name}:some payload`;
}
