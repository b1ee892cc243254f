/** A short drill in the test suite; the long one is `npm run drill -- --kills 50`. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { drill } from "./drill.ts";
import { Ledger, lineOf, verify } from "./writers.ts";

test("three kills under load lose no acknowledged event and leave a sound store", async () => {
  const directory = await mkdtemp(join(tmpdir(), "epsilon-drill-test-"));
  const result = await drill({ directory, seed: 7, kills: 3, lifeMsMax: 800, verifyEvery: 3 });
  assert.deepEqual(result.findings, []);
  assert.ok(0 < result.acknowledged);
  await rm(directory, { recursive: true, force: true });
});

test("the drill notices what is lost, there twice, changed, or never sent", async () => {
  const ledger = new Ledger();
  ledger.acknowledge(ledger.take(4));
  ledger.take(2);
  assert.deepEqual(await verifyAnswer(ledger, [0, 1, 2, 3].map(asStored)), []);
  assert.deepEqual(await verifyAnswer(ledger, [0, 1, 2, 3, 5].map(asStored)), []);
  assert.match(
    (await verifyAnswer(ledger, [0, 1, 3].map(asStored))).join(),
    /^event 2 was acknowledged and is lost$/,
  );
  assert.match(
    (await verifyAnswer(ledger, [0, 1, 2, 3, 3].map(asStored))).join(),
    /^event 3 is there 2 times$/,
  );
  assert.match(
    (await verifyAnswer(ledger, [0, 1, 2, 3, 9].map(asStored))).join(),
    /^event 9 was never sent$/,
  );
  const changed = [0, 1, 2].map(asStored).concat(asStored(3).replace("event 3", "event 4"));
  assert.match((await verifyAnswer(ledger, changed)).join(), /^event 3 came back changed/);
});

/** Event `n` as an instance gives it back: times as RFC 3339. */
function asStored(n: number): string {
  const event = JSON.parse(lineOf(n));
  return JSON.stringify({ ...event, _ts: new Date(event._ts).toISOString() });
}

async function verifyAnswer(ledger: Ledger, lines: readonly string[]): Promise<readonly string[]> {
  const server = createServer((_, response) => response.end(`${lines.join("\n")}\n`));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await verify(`http://127.0.0.1:${port}`, ledger);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
