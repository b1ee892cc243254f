/** Looking a log through: what is found, and that nothing is changed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv } from "@epsilon/env/testing";
import { checkLog } from "./check-log.ts";
import { bytes, directory, shown, worldWith } from "./fixture.ts";

const frames = ["a:1", "b:2", "c:3", "d:4"];
const only = `${directory}/00000000000000000000.log`;

test("a sound log: all frames, in order, no findings", async () => {
  const world = await worldWith(frames, 150);
  const seen: string[] = [];
  const check = await checkLog(world, directory, ({ header, payload }) => {
    seen.push(`${header}:${shown(payload)}`);
  });
  assert.deepEqual(seen, frames);
  assert.deepEqual([check.frames, check.tornBytes, check.findings.length], [4, 0, 0]);
  assert.equal(check.endOffset - check.startOffset, check.sizeBytes);
});

test("a torn tail is counted, and left where it is", async () => {
  const world = await worldWith(frames);
  const whole = world.disk.bytesOf(only);
  world.disk.put(only, whole.slice(0, whole.length - 3));
  const check = await checkLog(world, directory);
  assert.deepEqual([check.frames, check.findings.length], [3, 0]);
  assert.equal(check.tornBytes, whole.length - 3 - check.endOffset);
  assert.equal(world.disk.bytesOf(only).length, whole.length - 3);
});

test("damage is named, and what follows it is read", async () => {
  const world = await worldWith(frames);
  world.disk.corrupt(only, 5);
  const seen: string[] = [];
  const check = await checkLog(world, directory, ({ header }) => void seen.push(header));
  assert.deepEqual(seen, ["b", "c", "d"]);
  assert.deepEqual(
    check.findings.map(({ code, file, offset }) => [code, file, offset]),
    [["log_damaged", only, 0]],
  );
});

test("damage in an earlier file, a missing file and a newer format are findings", async () => {
  const world = await worldWith(frames, 1);
  const names = await world.files.list(directory);
  world.disk.corrupt(`${directory}/${names[0]}`, 5);
  await world.files.remove(`${directory}/${names[1]}`);
  world.disk.put(`${directory}/${names[3]}`, bytes("#epsilon 9 unheard of\n"));
  const check = await checkLog(world, directory);
  assert.equal(check.frames, 1);
  assert.deepEqual(
    check.findings.map(({ code, file }) => [code, file.slice(-24)]),
    [
      ["log_damaged", names[0]],
      ["log_damaged", names[0]],
      ["data_from_newer_version", names[3]],
    ],
  );
});

test("an empty folder is a sound log; no folder is an error", async () => {
  const world = createSimEnv(1);
  await assert.rejects(checkLog(world, directory), { code: "file_not_found" });
  await world.files.makeDirectory(directory);
  assert.equal((await checkLog(world, directory)).frames, 0);
});
