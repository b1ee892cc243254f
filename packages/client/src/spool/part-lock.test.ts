/** The lock of a part: one living process at a time, whatever order things happen in; never lost when all are dead. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Env } from "@epsilon/env";
import { createSimEnv } from "@epsilon/env/testing";
import fc from "fast-check";
import { type PartLock, takeLock } from "./part-lock.ts";

const directory = "/spool/part";

test("a lock is held until it is given back, or its process dies, or the machine", async () => {
  const sim = createSimEnv(1);
  await sim.files.makeDirectory(directory);
  const [first, second] = [sim.boot(), sim.boot()];
  const lock = await takeLock(first, directory);
  assert.ok(lock !== undefined);
  assert.equal(await takeLock(second, directory), undefined);
  await lock.release();
  assert.ok((await takeLock(second, directory)) !== undefined);
  assert.equal(await takeLock(first, directory), undefined);
  sim.end(second);
  assert.ok((await takeLock(first, directory)) !== undefined);
  sim.crash();
  const later = sim.boot();
  assert.ok((await takeLock(later, directory)) !== undefined);
  const names = await later.files.list(directory);
  assert.deepEqual(
    names.filter((name) => !/^lock\.\d+$/.test(name)),
    [],
  );
});

test("what says nothing is named, not taken", async () => {
  const sim = createSimEnv(2);
  sim.disk.put(`${directory}/lock.3`, new TextEncoder().encode("?"));
  await assert.rejects(takeLock(sim.boot(), directory), { code: "io_error", message: /lock\.3/ });
});

test("in any interleaving of takes, releases and deaths, at most one living process holds it", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.integer(),
      fc.array(fc.nat(4), { minLength: 4, maxLength: 14 }),
      async (scheduler, seed, turns) => {
        const sim = createSimEnv(seed);
        await sim.files.makeDirectory(directory);
        const holders = new Set<Env>();
        const worker = async (kind: number): Promise<void> => {
          const env = slowed(sim.boot(), () => scheduler.schedule(Promise.resolve()));
          const lock: PartLock | undefined = await takeLock(env, directory);
          if (lock === undefined) return sim.end(env);
          holders.add(env);
          assert.equal(holders.size, 1, "one holder");
          await scheduler.schedule(Promise.resolve());
          holders.delete(env);
          // Some die without a word.
          if (kind > 1) await lock.release();
          sim.end(env);
        };
        const all = Promise.all(turns.map(worker));
        await scheduler.waitFor(all);
        assert.ok((await takeLock(sim.boot(), directory)) !== undefined, "free again");
      },
    ),
    { numRuns: 150 },
  );
});

/** The same world, where others may come between any two operations on files. */
function slowed(env: Env, pause: () => Promise<unknown>): Env {
  const { files } = env;
  const slow = <A extends readonly unknown[], T>(run: (...given: A) => Promise<T>) => {
    return async (...given: A): Promise<T> => {
      await pause();
      return run(...given);
    };
  };
  return {
    ...env,
    files: {
      ...files,
      list: slow(files.list),
      link: slow(files.link),
      remove: slow(files.remove),
      open: slow(files.open),
    },
  };
}
