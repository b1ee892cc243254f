/** The log has room and the tables have none: what is durable waits, who wants to wait for it is told, nothing is lost. */

import assert from "node:assert/strict";
import { mkdtemp, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Env, FileHandle } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { parseQuery } from "@epsilon/query";
import type { EventStore, WriteAnswer } from "./event-store.ts";
import { event, requestOf, StoreFixture, testEnv } from "./fixture.ts";
import { openEmbeddedStore } from "./open.ts";
import { code } from "./suite.fixture.ts";

/** A world in which the tables' scratch file finds the disk full while `isFull`; the loop tries again when told. */
class World {
  readonly env: Env;
  isFull = false;
  readonly stalled: Promise<void>;
  #again: () => void = () => assert.fail("nobody waits to try again");

  constructor() {
    const env = testEnv();
    let hasStalled = (): void => {};
    this.stalled = new Promise((resolve) => {
      hasStalled = resolve;
    });
    this.env = {
      ...env,
      report: ({ event: name }) => {
        if (name === "apply_stalled") hasStalled();
      },
      clock: {
        nowMicros: () => env.clock.nowMicros(),
        elapsedMs: () => env.clock.elapsedMs(),
        sleep: (ms, signal) =>
          this.isFull && ms === 100
            ? new Promise((resolve) => {
                this.#again = resolve;
              })
            : env.clock.sleep(ms, signal),
      },
      files: new Proxy(env.files, {
        get: (files, name) => {
          const member: unknown = Reflect.get(files, name, files);
          if (typeof member !== "function") return member;
          if (name !== "open") return member.bind(files);
          return async (...args: Parameters<Env["files"]["open"]>) => {
            const file = await files.open(...args);
            return args[0].endsWith("scratch.ndjson") ? this.#full(file) : file;
          };
        },
      }),
    };
  }

  makeRoom(): void {
    this.isFull = false;
    this.#again();
  }

  #full(file: FileHandle): FileHandle {
    return new Proxy(file, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        if (name !== "append") return member.bind(target);
        return async (...args: Parameters<FileHandle["append"]>) => {
          if (this.isFull) throw new EpsilonError("disk_full", "the disk is full; make room and try again");
          return target.append(...args);
        };
      },
    });
  }
}

test("while the tables have no room: durable writes are taken, others get disk_full, and nothing is lost", async () => {
  const directory = await mkdtemp(join(tmpdir(), "epsilon-stalled-"));
  const world = new World();
  const limits = { lingerMs: 0 };
  const store: EventStore = await openEmbeddedStore(world.env, { directory, limits });
  const write = (second: number, wait: "durable" | "applied"): Promise<WriteAnswer> =>
    store.write(requestOf([event(second, { n: second })], { wait }));
  const ask = () => store.query("events", parseQuery("SELECT count"), {});
  await write(1, "applied");
  assert.equal((await ask()).summary?.[0]?.["count"], 1);
  world.isFull = true;
  assert.equal((await write(2, "durable")).received, 1);
  await world.stalled;
  await assert.rejects(write(3, "applied"), { code: "disk_full" });
  assert.equal((await write(4, "durable")).received, 1);
  const meanwhile = await ask();
  assert.equal(meanwhile.summary?.[0]?.["count"], 1);
  assert.deepEqual(
    meanwhile.notes.map((note) => note.code),
    ["may_be_incomplete"],
  );
  world.makeRoom();
  while ((await ask()).notes.length > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await ask()).summary?.[0]?.["count"], 3, "1, 2 and 4; 3 was refused before it was logged");
  assert.equal((await write(3, "applied")).stored, 1);
  assert.deepEqual((await store.check({})).findings, []);
  await store.close();
  await rm(directory, { recursive: true });
});

test("a database that was cut short is damage, and its message says what to do", async () => {
  const fixture = await StoreFixture.open("embedded");
  const events = Array.from({ length: 20_000 }, (_, n) => event(n, { n, text: `t${(n * 7919) % 10_007}` }));
  await fixture.write(events);
  await fixture.store.close();
  const path = join(fixture.directory, "data.duckdb");
  const { size } = await stat(path);
  await truncate(path, Math.floor(size / 2));
  const opened = async (): Promise<void> => {
    await fixture.start();
    await fixture.store.check({});
  };
  await assert.rejects(opened, (error: unknown) => {
    assert.ok(error instanceof EpsilonError);
    assert.equal(error.code, "table_damaged");
    assert.match(error.message, /restore the data folder from a copy/);
    return true;
  });
  await code(fixture.store.close());
  await rm(fixture.directory, { recursive: true, force: true });
});
