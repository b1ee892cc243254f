/** Checking a spool: a whole one is sound, also while it is written to, and each changed byte is found. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv } from "@epsilon/env/testing";
import fc from "fast-check";
import { checkSpool } from "./check-spool.ts";
import { openSpool } from "./disk-spool.ts";

const encoder = new TextEncoder();
const chunkOf = (number: number) => ({
  lines: encoder.encode(`{"n":${number}}\n{"n":-${number}}\n`),
  events: 2,
});

async function filled(seed: number) {
  const sim = createSimEnv(seed);
  const spool = await openSpool(sim.boot(), { directory: "/spool", fileBytesMax: 500 });
  for (let number = 1; number <= 10; number += 1) await spool.append("views", chunkOf(number));
  await spool.append("logs", chunkOf(1));
  return { sim, spool };
}

test("a spool that is in use is sound", async () => {
  const { sim, spool } = await filled(1);
  const [part] = spool.parts;
  assert.ok(part !== undefined);
  await spool.trim(part, 8);
  const check = await checkSpool(sim, "/spool");
  assert.deepEqual(check.findings, []);
  assert.equal(check.sound, true);
  assert.deepEqual(
    check.parts.map(({ collection }) => collection),
    ["logs", "views"],
  );
  assert.ok(check.events < 22 && 14 <= check.events, `${check.events}`);
  await spool.close();
});

test("any changed byte before the last group is found, and named", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 255 }), async (place, mask) => {
      const { sim, spool } = await filled(2);
      await spool.close();
      const [part] = await sim.files.list("/spool/collections/views");
      const folder = `/spool/collections/views/${part}/log`;
      const [first] = await sim.files.list(folder);
      const path = `${folder}/${first}`;
      sim.disk.corrupt(path, place % sim.disk.bytesOf(path).length, mask);
      const check = await checkSpool(sim, "/spool");
      assert.equal(check.sound, false);
      assert.ok(check.findings.some(({ message }) => message.includes(folder)));
    }),
    { numRuns: 100 },
  );
});

test("a folder that is no spool is said so", async () => {
  const sim = createSimEnv(3);
  await assert.rejects(checkSpool(sim, "/nothing"), { code: "file_not_found" });
});
