/** The simulated world: what it loses, what it keeps, and that a seed decides all of it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSimEnv } from "./sim-env.ts";
import { Prng } from "./sim-random.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const shown = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const seeds = Array.from({ length: 100 }, (_, seed) => seed);

async function fileWith(world: ReturnType<typeof createSimEnv>, path: string, content: string) {
  await world.files.makeDirectory("/d");
  const file = await world.files.open(path, "create");
  await file.append([text(content)]);
  return file;
}

test("what is synced, name and bytes, survives every crash", async () => {
  for (const seed of seeds) {
    const world = createSimEnv(seed);
    const file = await fileWith(world, "/d/a", "kept");
    await file.sync();
    await world.files.syncDirectory("/d");
    await file.append([text("lost, wholly or in part")]);
    world.crash();
    const bytes = shown(world.disk.bytesOf("/d/a"));
    assert.ok(bytes.startsWith("kept"), bytes);
  }
});

test("of what is not synced, some crash takes all, some takes none, some tears", async () => {
  const lengths = new Set<number>();
  let names = 0;
  let zeros = 0;
  for (const seed of seeds) {
    const world = createSimEnv(seed);
    const file = await fileWith(world, "/d/a", "");
    await world.files.syncDirectory("/d");
    await file.append([text("0123456789")]);
    await (await world.files.open("/d/b", "create")).close();
    world.crash();
    const bytes = world.disk.bytesOf("/d/a");
    lengths.add(bytes.length);
    zeros += bytes.includes(0) ? 1 : 0;
    names += (await world.files.exists("/d/b")) ? 1 : 0;
  }
  assert.ok(lengths.has(0) && 5 < lengths.size, [...lengths].join());
  assert.ok(0 < names && names < seeds.length, String(names));
  assert.ok(0 < zeros && zeros < seeds.length, String(zeros));
});

test("a rename that is not synced leaves the old name or the new one, and never neither", async () => {
  const outcomes = new Set<string>();
  for (const seed of seeds) {
    const world = createSimEnv(seed);
    const file = await fileWith(world, "/d/a", "x");
    await file.sync();
    await world.files.syncDirectory("/d");
    await world.files.rename("/d/a", "/d/b");
    world.crash();
    outcomes.add((await world.files.list("/d")).join());
  }
  assert.deepEqual([...outcomes].sort(), ["a", "b"]);
});

test("an unsynced cut may come undone; then a later append is gone with it", async () => {
  const outcomes = new Set<string>();
  for (const seed of seeds) {
    const world = createSimEnv(seed);
    const file = await fileWith(world, "/d/a", "0123456789");
    await file.sync();
    await world.files.syncDirectory("/d");
    await file.truncate(3);
    world.crash();
    outcomes.add(shown(world.disk.bytesOf("/d/a")));
  }
  assert.deepEqual([...outcomes].sort(), ["012", "0123456789"]);
});

test("a failed sync loses the bytes although a later one says yes", async () => {
  const world = createSimEnv(1);
  const file = await fileWith(world, "/d/a", "");
  await world.files.syncDirectory("/d");
  await file.append([text("bytes")]);
  world.disk.failNext({ op: "sync", path: "/d/a", code: "io_error" });
  await assert.rejects(file.sync(), { code: "io_error" });
  await file.sync();
  world.crash();
  assert.equal(world.disk.bytesOf("/d/a").length, 0);
});

test("a crash kills handles and the run that had them; the next run works", async () => {
  const world = createSimEnv(1);
  const run = world.boot();
  await run.files.makeDirectory("/d");
  const file = await run.files.open("/d/a", "create");
  await run.files.syncDirectory("/d");
  const underway = file.append([text("x")]);
  world.crash();
  await assert.rejects(underway, { code: "io_error" });
  await assert.rejects(file.sync(), { code: "io_error" });
  await assert.rejects(run.files.list("/d"), { code: "io_error" });
  assert.deepEqual(await world.boot().files.list("/d"), ["a"]);
});

test("crashAfter crashes in the midst of that operation", async () => {
  const world = createSimEnv(1);
  const { files } = world.boot();
  world.disk.crashAfter(2);
  await files.makeDirectory("/d");
  await files.list("/d");
  await assert.rejects(files.list("/d"), { code: "io_error" });
  assert.deepEqual(await world.files.list("/d"), []);
});

test("a full disk takes what fits", async () => {
  const world = createSimEnv(1);
  world.disk.setCapacity(6);
  const file = await fileWith(world, "/d/a", "0123");
  await assert.rejects(file.append([text("4567")]), { code: "disk_full" });
  assert.equal(shown(world.disk.bytesOf("/d/a")), "012345");
  world.disk.setCapacity(100);
  await file.append([text("67")]);
  assert.equal(shown(world.disk.bytesOf("/d/a")), "01234567");
});

test("corrupt changes one byte, also of what is durable", async () => {
  const world = createSimEnv(1);
  world.disk.put("/d/a", text("abc"));
  world.disk.corrupt("/d/a", 1);
  world.crash();
  assert.equal(shown(world.disk.bytesOf("/d/a")), "acc");
});

test("time: sleepers wake in order, each at its moment; the wall clock may jump", async () => {
  const world = createSimEnv(1);
  const { clock } = world;
  const woken: string[] = [];
  const note = (name: string) => woken.push(`${name} ${clock.elapsedMs()}`);
  const chain = async (): Promise<void> => {
    for (let round = 0; round < 3; round += 1) {
      await clock.sleep(10);
      note("chain");
    }
  };
  void chain();
  void clock.sleep(15).then(() => note("once"));
  await world.advance(25);
  assert.deepEqual(woken, ["chain 10", "once 15", "chain 20"]);
  assert.equal(clock.elapsedMs(), 25);
  assert.equal(clock.sleeping, 1);
  clock.setWallMicros(5n);
  await world.advance(5);
  assert.equal(clock.nowMicros(), 5005n);
  assert.equal(clock.elapsedMs(), 30);
});

test("a partition cuts requests and running bodies off, until it heals", async () => {
  const { network } = createSimEnv(1);
  const origin = "http://a:1";
  network.serve(origin, () => ({
    status: 200,
    headers: {},
    body: (async function* () {
      yield text("first");
      network.partition(origin);
      yield text("second");
    })(),
  }));
  const request = { url: `${origin}/x`, method: "GET", headers: {} };
  const read: string[] = [];
  await assert.rejects(
    async () => {
      for await (const chunk of (await network.request(request)).body) read.push(shown(chunk));
    },
    { code: "unreachable" },
  );
  assert.deepEqual(read, ["first"]);
  await assert.rejects(network.request(request), { code: "unreachable" });
  network.heal(origin);
  assert.equal((await network.request(request)).status, 200);
});

test("the same seed gives the same crash, another seed another", () => {
  const leftBy = async (seed: number): Promise<string> => {
    const world = createSimEnv(seed);
    const file = await fileWith(world, "/d/a", "0".repeat(10_000));
    await world.files.syncDirectory("/d");
    await file.append([text("1".repeat(10_000))]);
    world.crash();
    return shown(world.disk.bytesOf("/d/a"));
  };
  return fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 40 }), async (seed) => {
      assert.equal(await leftBy(seed), await leftBy(seed));
    }),
    { numRuns: 20 },
  );
});

test("the generator: integers fill their range, near seeds give far numbers", () => {
  const random = new Prng(7);
  const hits = new Array<number>(6).fill(0);
  for (let draw = 0; draw < 6000; draw += 1) {
    const value = random.integer(6);
    hits[value] = (hits[value] ?? 0) + 1;
  }
  assert.ok(
    hits.every((count) => 800 < count && count < 1200),
    hits.join(),
  );
  assert.equal(new Set(seeds.map((seed) => new Prng(seed).uint32())).size, seeds.length);
});
