/** What every machine keeps about its processes. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Processes } from "./env.ts";

export function processesConformance(name: string, make: () => Processes): void {
  test(`${name} processes: this one is alive, and others of its number are not`, async () => {
    const { self, isAlive, hostName } = make();
    assert.ok(hostName.length > 0);
    assert.equal(await isAlive(self), true);
    assert.equal(await isAlive({ ...self }), true);
    assert.equal(await isAlive({ ...self, started: `${self.started}1` }), false);
    assert.equal(await isAlive({ ...self, boot: `${self.boot}1` }), false);
    // Greater than any system gives.
    assert.equal(await isAlive({ ...self, pid: 2 ** 30 }), false);
  });
}
