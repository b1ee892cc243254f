/** Shared reading: each chunk once for all that are near, bounded, and the same as without it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EpsilonError, formatCursor } from "@epsilon/model";
import type { ResumePoint, Source } from "../sources/source.ts";
import { ArraySource } from "./loop.fixture.ts";
import { sharedReads } from "./shared-reads.ts";

const beginning: ResumePoint = { after: null, gap: null };

async function readAll(source: Source, from = beginning): Promise<string[]> {
  const found = [];
  for await (const { after, cursor } of source.read(from))
    found.push(`${after?.position ?? "-"}>${formatCursor(cursor)}`);
  return found;
}

function manyChunks(count: number): ArraySource {
  const source = new ArraySource();
  for (let i = 0; i < count; i++) source.append(2);
  return source;
}

test("readers that run together, and one that comes later, read each chunk once", async () => {
  const source = manyChunks(10);
  const shared = sharedReads(source, 1e6);
  const plain = await readAll(manyChunks(10));
  const all = await Promise.all([readAll(shared), readAll(shared), readAll(shared)]);
  all.push(await readAll(shared));
  for (const one of all) assert.deepEqual(one, plain);
  assert.equal(source.reads.size, 10);
  assert.ok([...source.reads.values()].every((count) => count === 1));
  assert.equal(source.open, 0, "nothing is left open");
});

test("what is kept is bounded, and read again where it is needed", async () => {
  const source = manyChunks(20);
  // Room for two chunks or so.
  const shared = sharedReads(source, 1000);
  const fast = shared.read(beginning)[Symbol.asyncIterator]();
  const slow = shared.read(beginning)[Symbol.asyncIterator]();
  await slow.next();
  for (let i = 0; i < 15; i++) await fast.next();
  const counts = () => [...source.reads.values()].reduce((sum, count) => sum + count, 0);
  assert.equal(counts(), 15);
  for (let i = 1; i < 15; i++) await slow.next();
  const before = counts();
  assert.ok(before > 20 && before <= 15 + 14, `${before}`);
  // Side by side again.
  const next = [await fast.next(), await slow.next()];
  assert.equal(counts(), before + 1);
  assert.deepEqual(next[0], next[1]);
  await fast.return?.();
  assert.ok(source.open > 0);
  await slow.return?.();
  await Promise.resolve();
  assert.equal(source.open, 0);
});

test("an error reaches all who wait for it, and is not kept", async () => {
  const source = manyChunks(3);
  const shared = sharedReads(source, 1e6);
  source.failNextRead = new EpsilonError("io_error", "once");
  const [one, two] = await Promise.allSettled([readAll(shared), readAll(shared)]);
  assert.deepEqual([one?.status, two?.status], ["rejected", "rejected"]);
  assert.equal((await readAll(shared)).length, 3);
});

test("the end is not kept: what comes later is read", async () => {
  const source = manyChunks(1);
  const shared = sharedReads(source, 1e6);
  assert.equal((await readAll(shared)).length, 1);
  source.append(1);
  assert.equal((await readAll(shared)).length, 2);
});

test("what followed the beginning in another life is not given for this one", async () => {
  const source = manyChunks(2);
  const shared = sharedReads(source, 1e6);
  await readAll(shared);
  source.renew();
  assert.deepEqual(
    (await readAll(shared)).map((text) => text.split(":")[0]),
    ["->life1", "2>life1"],
  );
});
