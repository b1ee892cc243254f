/** A client that reads what it writes, over instances of which some lag. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv, type SimEnv } from "@epsilon/env/testing";
import { must } from "@epsilon/model";
import { FakeInstance, until } from "../loop/loop.fixture.ts";
import { type ReadableEvent, ReadableInstance, soon } from "../reads/reads.fixture.ts";
import { createDiskClient } from "./disk-client.ts";

interface Both {
  readonly origin: string;
  readonly written: FakeInstance;
  readonly read: ReadableInstance;
}

/** One address that takes writes and answers reads from what was written. */
function both(sim: SimEnv, name: string): Both {
  const origin = `http://${name}:4320`;
  const written = new FakeInstance(sim, `${name}-written`);
  const read = new ReadableInstance(sim, `${name}-read`);
  sim.network.serve(origin, (request) => {
    const isRead = /\/(query|tail|events)(\?|$)/.test(request.url) && !request.url.includes("wait=");
    if (isRead) read.events = written.lines.map((line) => JSON.parse(line) as ReadableEvent);
    const behind = isRead ? read.origin : written.origin;
    return sim.network.request({ ...request, url: request.url.replace(origin, behind) });
  });
  return { origin, written, read };
}

function world() {
  const sim = createSimEnv(1);
  const all = ["i0", "i1", "i2"].map((name) => both(sim, name));
  const instances = all.map(({ origin }) => origin);
  const client = createDiskClient(sim.boot(), { instances, collection: "views", spool: "/spool" });
  return { sim, all, client };
}

test("own writes are asked of an instance that has them, what was only recorded included", async () => {
  const { sim, all, client } = world();
  const [first, second, third] = all;
  for (const one of [must(first), must(second)])
    one.written.fate = () => ({ kind: "refuse", status: 503, code: "overloaded" });
  await soon(sim, client.push([{ n: 0 }]));
  client.record({ n: 1 });
  for (let count = 2; count < 5; count += 1) {
    const answer = await soon(sim, client.query("SELECT count", { freshness: "own-writes" }));
    assert.equal(answer.read.url, must(third).origin);
    assert.deepEqual(answer.summary, [{ count }]);
    client.record({ n: count });
  }
  assert.equal((await soon(sim, client.query("SELECT count"))).read.url, must(first).origin);
  const other = { freshness: "own-writes", collection: "others" } as const;
  assert.notEqual((await soon(sim, client.query("SELECT count", other))).read.url, must(third).origin);
  await client.close();
});

test("own writes that no instance has in time are an error", async () => {
  const { sim, all, client } = world();
  for (const { written } of all) written.fate = () => ({ kind: "refuse", status: 503, code: "overloaded" });
  await soon(sim, client.push([{ n: 0 }]));
  const asked = client.query("SELECT count", { freshness: "own-writes", timeoutMs: 2000 });
  await assert.rejects(soon(sim, asked), { code: "not_acknowledged" });
  await client.close();
});

test("events and tails are read by the client, until it is closed", async () => {
  const { sim, all, client } = world();
  await soon(sim, client.push([{ n: 0 }, { n: 1 }], { ack: "all" }));
  const found: unknown[] = [];
  const read = async () => {
    for await (const event of client.events({ freshness: "own-writes", limit: 1 })) found.push(event["n"]);
  };
  await soon(sim, read());
  assert.equal(found.length, 1);
  const tail = client.tail().next();
  await until(sim, () => all.some((one) => one.read.openTails > 0));
  await client.close();
  assert.equal((await soon(sim, tail)).done, true);
  await assert.rejects(client.query("SELECT count"), { code: "closed" });
  await assert.rejects(client.events().next(), { code: "closed" });
});
