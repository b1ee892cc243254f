/** A spool: several processes share it, the living look after the parts of the dead, and a full one makes writers wait. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Env } from "@epsilon/env";
import { createSimEnv } from "@epsilon/env/testing";
import { openSpool, type SpoolOptions } from "./disk-spool.ts";
import type { SpoolPart } from "./part.ts";
import type { Part, Spool } from "./spool.ts";

const encoder = new TextEncoder();
const chunkOf = (text: string) => ({ lines: encoder.encode(`{"n":"${text}"}\n`), events: 1 });

function open(env: Env, options: Partial<SpoolOptions> = {}): Promise<Spool<SpoolPart>> {
  return openSpool(env, { directory: "/spool", ...options });
}

async function linesOf(parts: readonly SpoolPart[]): Promise<readonly string[]> {
  const decoder = new TextDecoder();
  const lines: string[] = [];
  for (const part of parts)
    for await (const chunk of part.read({ after: null, gap: null }))
      lines.push(`${part.collection} ${decoder.decode(chunk.lines).trim()}`);
  return lines.sort();
}

test("what a process left behind is taken over by the next, with the same stream and cursors", async () => {
  const sim = createSimEnv(1);
  const first = sim.boot();
  const spool = await open(first);
  const { cursor } = await spool.append("views", chunkOf("1"));
  await spool.append("logs", chunkOf("2"));
  assert.match(spool.source, /^machine\/[0-9a-f]{16}$/);
  sim.crash();
  const taken: Part[] = [];
  const later = await open(sim.boot(), { onPart: (part) => taken.push(part) });
  assert.equal(later.source, spool.source);
  assert.deepEqual(await linesOf(later.parts), ['logs {"n":"2"}', 'views {"n":"1"}']);
  assert.deepEqual(taken, later.parts);
  const next = await later.append("views", chunkOf("3"));
  assert.equal(next.cursor.stream, cursor.stream);
  assert.equal(next.cursor.position, 2);
  assert.equal(later.parts.length, 2, "no part was made");
  await later.close();
  await assert.rejects(later.append("views", chunkOf("4")), { code: "closed" });
});

test("two processes share a spool: one source, a part each; when one dies, the other adopts its part", async () => {
  const sim = createSimEnv(2);
  const [one, two] = [sim.boot(), sim.boot()];
  const [first, second] = await Promise.all([
    open(one, { sourcePrefix: "shop" }),
    open(two, { sourcePrefix: "shop" }),
  ]);
  assert.equal(first.source, second.source);
  await Promise.all([first.append("views", chunkOf("1")), second.append("views", chunkOf("2"))]);
  await Promise.all([first.append("views", chunkOf("3")), second.append("views", chunkOf("4"))]);
  assert.deepEqual(await linesOf(first.parts), ['views {"n":"1"}', 'views {"n":"3"}']);
  await second.adopt();
  assert.deepEqual(await linesOf(second.parts), ['views {"n":"2"}', 'views {"n":"4"}']);
  sim.end(one);
  await second.adopt();
  assert.equal((await linesOf(second.parts)).length, 4);
  const streams = new Set(second.parts.map((part) => part.stream));
  assert.equal(streams.size, 2);
});

test("many that open a new spool at once agree on its name", async () => {
  const sim = createSimEnv(3);
  const spools = await Promise.all(Array.from({ length: 5 }, () => open(sim.boot())));
  assert.equal(new Set(spools.map(({ source }) => source)).size, 1);
});

test("a full spool lets nobody in until something is trimmed, or the writer has waited enough", async () => {
  const sim = createSimEnv(4);
  const spool = await open(sim.boot(), { bytesMax: 1000, fileBytesMax: 300 });
  let position = 0;
  while (spool.sizeBytes < spool.bytesMax) {
    const { cursor } = await spool.append("views", chunkOf(String(position)));
    position = cursor.position;
  }
  const patience = new AbortController();
  const hasty = spool.append("views", chunkOf("hasty"), patience.signal);
  const patient = spool.append("views", chunkOf("patient"));
  patience.abort();
  await assert.rejects(hasty, { code: "spool_full", message: /1000/ });
  await assert.rejects(spool.append("views", chunkOf("late"), patience.signal), { code: "spool_full" });
  const [part] = spool.parts;
  assert.ok(part !== undefined);
  await spool.trim(part, position);
  assert.equal((await patient).cursor.position, position + 1);
  assert.ok(spool.sizeBytes < spool.bytesMax);
  const waiting: Promise<unknown>[] = [];
  while (spool.sizeBytes < spool.bytesMax) await spool.append("views", chunkOf("more"));
  waiting.push(spool.append("views", chunkOf("never")));
  await Promise.all([spool.close(), assert.rejects(waiting[0] as Promise<unknown>, { code: "closed" })]);
});

test("a folder that is no spool, and one of a newer release, are left alone", async () => {
  const sim = createSimEnv(5);
  sim.disk.put("/spool/spool.json", encoder.encode("{}"));
  await assert.rejects(open(sim.boot()), { code: "io_error" });
  sim.disk.put("/spool/spool.json", encoder.encode('{"format":"epsilon spool 2","id":"0011"}\n'));
  await assert.rejects(open(sim.boot()), { code: "data_from_newer_version" });
});
