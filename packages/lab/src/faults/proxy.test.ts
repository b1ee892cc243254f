/** The proxy does to a connection what it says, and nothing when it is told to do nothing. */

import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { seededUnit } from "../drill/writers.ts";
import { type Fault, FaultProxy } from "./proxy.ts";

let server: Server;
let proxy: FaultProxy;
let asked = 0;

before(async () => {
  server = createServer((_, response) => {
    asked += 1;
    response.end("x".repeat(1000));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy = await FaultProxy.start((server.address() as AddressInfo).port, seededUnit(1));
});
after(async () => {
  await proxy.close();
  server.close();
});

/** The answer's length, its status if it is not 200, or what kept it away. */
async function get(limitMs: number): Promise<number | string> {
  try {
    // A connection of its own: one that was kept from before may have been reset.
    const headers = { connection: "close" };
    const response = await fetch(proxy.origin, { headers, signal: AbortSignal.timeout(limitMs) });
    const text = await response.text();
    return response.ok ? text.length : response.status;
  } catch (error) {
    return error instanceof DOMException && error.name === "TimeoutError" ? "silence" : "failure";
  }
}

/** Where silence is expected; an answer may take as long as a busy machine needs. */
const silenceMs = 300;
const answerMs = 20_000;

const cases: readonly (readonly [Fault, number | string, isAsked: boolean])[] = [
  [{ kind: "none" }, 1000, true],
  [{ kind: "cut" }, "failure", false],
  [{ kind: "half-open" }, "silence", true],
  [{ kind: "black-hole" }, "silence", false],
  [{ kind: "garbage" }, "failure", false],
  [{ kind: "lose-answers", share: 1 }, "failure", true],
  [{ kind: "lose-answers", share: 0 }, 1000, true],
  [{ kind: "refuse", status: 507, code: "disk_full" }, 507, false],
];

for (const [fault, expected, isAsked] of cases)
  test(`${JSON.stringify(fault)}: ${expected}`, async () => {
    const before = asked;
    proxy.fault = fault;
    assert.equal(await get(expected === "silence" ? silenceMs : answerMs), expected);
    assert.equal(asked > before, isAsked, "whether the request came through");
    if (fault.kind !== "none") assert.equal(proxy.met > 0, expected !== 1000);
    proxy.fault = { kind: "none" };
    assert.equal(await get(answerMs), 1000, "afterwards all is well");
  });

test("delay and throttling make it slow, and nothing else", async () => {
  for (const fault of [
    { kind: "delay", ms: 100 },
    { kind: "throttle", bytesPerSecond: 5000 },
  ] as const) {
    proxy.fault = fault;
    const startMs = performance.now();
    assert.equal(await get(5000), 1000);
    assert.ok(performance.now() - startMs > 150, fault.kind);
  }
  proxy.fault = { kind: "none" };
});
