/** The client over simulated instances: written once, on every instance, whatever fails in between. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv, type SimEnv } from "@epsilon/env/testing";
import { EpsilonError } from "@epsilon/model";
import { FakeInstance, until } from "../loop/loop.fixture.ts";
import type { Client } from "./client.ts";
import { type ClientOptions, createDiskClient } from "./disk-client.ts";

interface World {
  readonly sim: SimEnv;
  readonly instances: readonly FakeInstance[];
  open(options?: Partial<ClientOptions>): Client;
}

function world(seed: number, count = 3): World {
  const sim = createSimEnv(seed);
  const instances = Array.from({ length: count }, (_, index) => new FakeInstance(sim, `i${index}`));
  const urls = instances.map(({ origin }) => origin);
  const open = (options: Partial<ClientOptions> = {}) =>
    createDiskClient(sim.boot(), { instances: urls, collection: "views", spool: "/spool", ...options });
  return { sim, instances, open };
}

/** Lets time run until a promise settles. */
async function soon<T>(sim: SimEnv, promise: Promise<T>): Promise<T> {
  let isOver = false;
  const over = promise.finally(() => {
    isOver = true;
  });
  over.catch(() => undefined);
  await until(sim, () => isOver);
  return over;
}

function numbersOn(instance: FakeInstance | undefined): readonly number[] {
  return (instance?.lines ?? []).map((line) => (JSON.parse(line) as { n: number }).n).sort((a, b) => a - b);
}

test("what is pushed is on every instance once, each event with its own name", async () => {
  const { sim, instances, open } = world(1);
  const client = open();
  const events = Array.from({ length: 2500 }, (_, n) => ({ _ts: new Date(1_767_225_600_000), n: n % 2 }));
  const { ids } = await soon(sim, client.push(events, { ack: "all" }));
  assert.equal(new Set(ids).size, 2500, "equal events are different ones");
  for (const instance of instances) assert.equal(instance.lines.length, 2500);
  const again = await soon(sim, client.push(events, { ack: "all" }));
  assert.equal(new Set([...ids, ...again.ids]).size, 5000, "another call brings other events");
  const named = events.slice(0, 10).map((event, index) => ({ ...event, _key: `order ${index}` }));
  const first = await soon(sim, client.push(named, { ack: "all" }));
  assert.deepEqual(await soon(sim, client.push(named, { ack: "all" })), first, "unless they are named");
  await client.close();
});

test("equal records are events of their own, however they are batched", async () => {
  const { sim, instances, open } = world(2, 1);
  const client = open();
  const ids = new Set<string | undefined>();
  for (let index = 0; index < 300; index += 1) {
    ids.add(client.record({ _ts: 1_767_225_600_000, path: "/" }));
    ids.add(client.record({ path: "/" }));
    if (index % 100 === 0) await sim.advance(150);
  }
  await soon(sim, client.flush());
  assert.equal(ids.size, 600);
  assert.equal(instances[0]?.lines.length, 600);
  await client.close();
});

test("a record is on the disk within 100 ms, and survives the machine", async () => {
  const { sim, instances, open } = world(3);
  for (const { origin } of instances) sim.network.partition(origin);
  const client = open();
  await soon(sim, client.push([{ n: 0 }]));
  client.record({ n: 1 });
  await sim.advance(101);
  sim.crash();
  for (const { origin } of instances) sim.network.heal(origin);
  const later = open();
  await soon(sim, later.push([{ n: 2 }], { ack: "all" }));
  for (const instance of instances) assert.deepEqual(numbersOn(instance), [0, 1, 2]);
  await later.close();
});

test("one, a majority, all: each acknowledgement waits for as many as it says", async () => {
  const { sim, instances, open } = world(4);
  const [, second, third] = instances;
  assert.ok(second !== undefined && third !== undefined);
  sim.network.partition(second.origin);
  sim.network.partition(third.origin);
  const client = open();
  await soon(sim, client.push([{ n: 1 }], { ack: "one" }));
  await assert.rejects(soon(sim, client.push([{ n: 2 }], { ack: "majority", timeoutMs: 5000 })), (error) => {
    assert.ok(error instanceof EpsilonError);
    assert.equal(error.code, "not_acknowledged");
    const { instances: stragglers } = error.details as { instances: { url: string; lag: number }[] };
    assert.deepEqual(
      stragglers.map(({ lag }) => lag),
      [0, 2, 2],
    );
    return true;
  });
  sim.network.heal(second.origin);
  await soon(sim, client.push([{ n: 3 }], { ack: "majority" }));
  assert.deepEqual(numbersOn(second), [1, 2, 3]);
  assert.deepEqual(numbersOn(third), []);
  sim.network.heal(third.origin);
  await soon(sim, client.flush());
  assert.deepEqual(numbersOn(third), [1, 2, 3]);
  await client.close();
});

test("two addresses of one instance are one", async () => {
  const { sim, instances } = world(5, 2);
  const [first, second] = instances;
  assert.ok(first !== undefined && second !== undefined);
  sim.network.serve("http://other-name:4320", (request) =>
    sim.network.request({ ...request, url: request.url.replace("other-name", "i0") }),
  );
  sim.network.partition(second.origin);
  const client = createDiskClient(sim.boot(), {
    instances: [first.origin, "http://other-name:4320", second.origin],
    collection: "views",
    spool: "/spool",
  });
  await assert.rejects(soon(sim, client.push([{ n: 1 }], { ack: "majority", timeoutMs: 60_000 })), {
    code: "not_acknowledged",
  });
  await client.close();
});

test("the spool keeps what an instance has not, and gives up what all have", async () => {
  const { sim, instances, open } = world(6);
  const third = instances[2];
  assert.ok(third !== undefined);
  sim.network.partition(third.origin);
  const client = open();
  const text = "x".repeat(20_000);
  for (let n = 0; n < 1500; n += 50)
    await soon(
      sim,
      client.push(
        Array.from({ length: 50 }, (_, index) => ({ n: n + index, text })),
        { ack: "majority" },
      ),
    );
  const full = (await client.status()).spoolBytes;
  assert.ok(full > 25_000_000, `${full}`);
  sim.network.heal(third.origin);
  await soon(sim, client.flush());
  await sim.advance(1000);
  assert.ok((await client.status()).spoolBytes < 9_000_000, "all but the last file");
  assert.equal(third.lines.length, 1500);
  await client.close();
});

test("bad events are refused before anything is written, and lost records are told and counted", async () => {
  const { sim, instances, open } = world(7, 1);
  const told: unknown[] = [];
  const client = open({ onError: (error) => told.push(error) });
  await assert.rejects(client.push([{ n: 1 }, { n: Number.NaN }]), (error) => {
    assert.ok(error instanceof EpsilonError);
    assert.equal(error.code, "bad_number");
    assert.equal(error.details["index"], 1);
    return true;
  });
  for (const none of [null, 1, [{ n: 1 }]])
    await assert.rejects(client.push([none as never]), { code: "not_an_object" });
  assert.equal(client.record({ _x: 1 }), undefined);
  assert.equal((told[0] as EpsilonError).code, "reserved_field");
  assert.equal((await client.status()).lostRecords, 1);
  await soon(sim, client.push([{ n: 2 }], { ack: "all" }));
  assert.deepEqual(numbersOn(instances[0]), [2]);
  await client.close();
  await assert.rejects(client.push([{ n: 3 }]), { code: "closed" });
  assert.equal(client.record({ n: 4 }), undefined);
});

test("what an instance refuses is in the dead-letter file with its reason, and the rest goes on", async () => {
  const { sim, instances, open } = world(8, 1);
  const [instance] = instances;
  assert.ok(instance !== undefined);
  instance.rejects = (line) => line.includes('"n":1');
  const refused: string[] = [];
  const client = open({ onRejected: ({ code }) => refused.push(code) });
  await soon(sim, client.push([{ n: 0 }, { n: 1 }, { n: 2 }], { ack: "all" }));
  assert.deepEqual(numbersOn(instance), [0, 2]);
  assert.deepEqual(refused, ["bad_number"]);
  await client.close();
  const [part] = await sim.files.list("/spool/collections/views");
  const bytes = sim.disk.bytesOf(`/spool/collections/views/${part}/dead-letters.ndjson`);
  const letter = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, string>;
  assert.equal(letter["code"], "bad_number");
  assert.equal((JSON.parse(letter["event"] ?? "") as { n: number }).n, 1);
});
