/** The faults in their short form; the long one is `npm run faults -- --long`. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { temporaryDirectory } from "../bench/processes.ts";
import { runFaults } from "./faults.ts";
import { scenarios } from "./scenarios.ts";
import { findWrong } from "./verify.ts";

const seed = 11;

test("whatever fails, every acknowledged event is on every instance, exactly once", async () => {
  await using directory = await temporaryDirectory("faults");
  const results = await runFaults({ directory: directory.path, seed, scenarios, outageMs: 1000 });
  for (const { name, schedule, wrong, acknowledged } of results) {
    const again = `npm run faults -- --seed ${seed} --only '${name}'`;
    assert.deepEqual(wrong, [], `${name}\n${schedule.join("\n")}\nagain: ${again}`);
    assert.ok(acknowledged > 0, name);
  }
  assert.equal(results.length, scenarios.length);
});

test("what is lost, there twice or different is noticed", async () => {
  const event = (n: number, id = n): string =>
    `{"_ts":"2026-01-31T12:00:00.000000Z","_id":"0191d2c4-7f5e-4c1b-9a53-${String(id).padStart(12, "0")}","n":${n}}\n`;
  const whole = event(0) + event(1) + event(2);
  assert.deepEqual(await compare([whole, event(2) + event(0) + event(1)]), []);
  assert.match(
    (await compare([whole, event(0) + event(1)])).join(),
    /b: event 2 was acknowledged and is not there/,
  );
  assert.match((await compare([whole, whole + event(1, 9)])).join(), /b: event 1 is there 2 times/);
  const other = event(0) + event(1) + event(2, 8);
  assert.match((await compare([whole, other])).join(), /b holds 3 events, a 3, and they differ/);
});

async function compare(contents: readonly string[]): Promise<readonly string[]> {
  const servers = await Promise.all(
    contents.map(async (content) => {
      const server = createServer((_, response) => response.end(content));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  try {
    const places = servers.map((server, index) => ({
      name: "ab"[index] ?? "",
      origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    }));
    return await findWrong(places, "events", [[0, 3]], 0);
  } finally {
    for (const server of servers) server.closeAllConnections();
    for (const server of servers) server.close();
  }
}
