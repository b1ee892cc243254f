/** Files to several instances, without a spool. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv } from "@epsilon/env/testing";
import { utf8Bytes } from "@epsilon/model";
import { FakeInstance, until } from "../loop/loop.fixture.ts";
import { fileSource, Replicating } from "./replicate.ts";

const line = (n: number): string => `{"_ts":"2026-01-31T12:00:00Z","n":${n}}\n`;

test("a file goes to every instance, and grows there as it grows here", async () => {
  const sim = createSimEnv(1);
  const instances = [new FakeInstance(sim, "one"), new FakeInstance(sim, "two")];
  sim.disk.put("/log.ndjson", utf8Bytes(line(0) + line(1)));
  const options = { instances: instances.map(({ origin }) => origin), collection: "views" };
  const once = new Replicating(sim.boot(), fileSource("/log.ndjson"), options);
  let isOver = false;
  const finished = once.finished().then(() => {
    isOver = true;
  });
  await until(sim, () => isOver);
  await finished;
  for (const instance of instances) assert.equal(instance.lines.length, 2);
  await once.close();
});

test("a followed file never ends, and an instance that is away is waited for as long as was said", async () => {
  const sim = createSimEnv(1);
  const one = new FakeInstance(sim, "one");
  sim.disk.put("/log.ndjson", utf8Bytes(line(0)));
  const options = { instances: [one.origin, "http://away:4320"], collection: "views" };
  const followed = new Replicating(sim.boot(), fileSource("/log.ndjson", { follow: true }), options);
  await assert.rejects(followed.finished(), { code: "bad_request" });
  await until(sim, () => one.lines.length === 1);
  const file = await sim.boot().files.open("/log.ndjson", "append");
  await file.append([utf8Bytes(line(1))]);
  await until(sim, () => one.lines.length === 2);
  await followed.close();
  const other = new FakeInstance(sim, "other");
  const once = new Replicating(sim.boot(), fileSource("/log.ndjson"), {
    ...options,
    instances: [other.origin, "http://away:4320"],
  });
  let code = "";
  once.finished({ timeoutMs: 5000 }).catch((error: { readonly code: string }) => {
    code = error.code;
  });
  await until(sim, () => code !== "");
  assert.equal(code, "not_acknowledged");
  assert.equal(other.lines.length, 2);
  await once.close();
  assert.throws(() => new Replicating(sim.boot(), fileSource("/x"), { ...options, instances: [] }), {
    code: "bad_request",
  });
});
