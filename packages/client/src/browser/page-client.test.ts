/** The client on a page, over simulated instances: tabs that are reloaded and closed lose nothing that was spooled. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { LastWord, Page } from "@epsilon/env/browser";
import { createSimEnv, type SimEnv } from "@epsilon/env/testing";
import { sha256 } from "@epsilon/model";
import fc from "fast-check";
import { Client } from "../client/client.ts";
import { FakeInstance, until } from "../loop/loop.fixture.ts";
import { Reader } from "../reads/reader.ts";
import type { ChunkStore } from "./chunk-store.ts";
import { createMemoryStore } from "./memory-store.ts";
import { openStoredSpool } from "./stored-spool.ts";
import { Browser, type Tab } from "./tabs.fixture.ts";

/** A page whose last words go over the simulated network. */
class FakePage implements Page {
  readonly words: LastWord[] = [];
  readonly #sim: SimEnv;
  readonly #listeners = new Set<() => void>();

  constructor(sim: SimEnv) {
    this.#sim = sim;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  onHidden(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  sendLastWord(word: LastWord): void {
    this.words.push(word);
    this.#sim.network.request({ ...word, method: "POST" }).catch(() => undefined);
  }

  hide(): void {
    for (const listener of this.#listeners) listener();
  }
}

interface Open {
  readonly client: Client;
  readonly page: FakePage;
  readonly tab: Tab;
}

function world(seed: number, count = 2) {
  const sim = createSimEnv(seed);
  const instances = Array.from({ length: count }, (_, index) => new FakeInstance(sim, `i${index}`));
  const browser = new Browser();
  // The database outlives the tabs.
  const store: ChunkStore = { ...createMemoryStore(), close: () => undefined };
  const open = (token?: string): Open => {
    const page = new FakePage(sim);
    const tab = browser.tab();
    const client = new Client(
      sim.boot(),
      {
        instances: instances.map(({ origin }) => origin),
        collection: "views",
        ...(token === undefined ? {} : { token }),
      },
      {
        openSpool: (env, onPart) => openStoredSpool(env, { store, locks: tab, hash: sha256, onPart }),
        openReader: (env, options) => new Reader(env, options),
        page,
      },
    );
    return { client, page, tab };
  };
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

const textOf = ({ body }: LastWord) => new TextDecoder().decode(body);
const numbersIn = (lines: readonly string[]) =>
  lines.map((line) => (JSON.parse(line) as { n: number }).n).sort((a, b) => a - b);

test("what is pushed is on every instance once; a reload goes on; a closed tab's part is adopted", async () => {
  const { sim, instances, open } = world(1);
  const first = open();
  await soon(sim, first.client.push([{ n: 0 }, { n: 1 }], { ack: "all" }));
  for (const { origin } of instances) sim.network.partition(origin);
  await soon(sim, first.client.push([{ n: 2 }]));
  const second = open();
  await soon(sim, second.client.push([{ n: 3 }]));
  first.tab.end();
  for (const { origin } of instances) sim.network.heal(origin);
  await sim.advance(30_000);
  for (const { lines } of instances) assert.deepEqual(numbersIn(lines), [0, 1, 2, 3]);
  const { spoolBytes, loops } = await second.client.status();
  assert.equal(spoolBytes, 0, "given up chunk by chunk");
  assert.equal(loops.length, 4, "two parts, two instances");
  const { summary } = await soon(
    sim,
    second.client.query("SELECT count").catch(() => ({ summary: "asked" })),
  );
  assert.ok(summary !== undefined);
  await Promise.all([soon(sim, first.client.close()), soon(sim, second.client.close())]);
  assert.equal(first.page.listeners, 0);
});

test("a page that is left sends what it recorded a moment ago, and when it comes back nothing is there twice", async () => {
  const { sim, instances, open } = world(2);
  const { client, page } = open();
  await soon(sim, client.push([{ n: 0 }], { ack: "all" }));
  client.record({ n: 1 });
  client.record({ n: 2 });
  page.hide();
  assert.deepEqual(
    page.words.map((word) => numbersIn(textOf(word).trim().split("\n"))),
    [
      [1, 2],
      [1, 2],
    ],
  );
  page.hide();
  assert.equal(page.words.length, 2, "once is enough");
  await soon(sim, client.flush());
  for (const { lines } of instances) assert.deepEqual(numbersIn(lines), [0, 1, 2]);
  page.hide();
  assert.equal(page.words.length, 2, "all have it");
  await soon(sim, client.close());
});

test("last words go to each instance, a request a collection", async () => {
  const { sim, open } = world(6);
  const { client, page } = open();
  client.record({ n: 1 });
  client.record({ n: 2 }, { collection: "clicks" });
  page.hide();
  const sent = page.words.map(({ url, headers }) => [url, headers]);
  const path = (name: string, collection: string) =>
    `http://${name}:4320/v1/collections/${collection}/events?wait=durable`;
  assert.deepEqual(sent, [
    [path("i0", "views"), {}],
    [path("i0", "clicks"), {}],
    [path("i1", "views"), {}],
    [path("i1", "clicks"), {}],
  ]);
  await soon(sim, client.close());
});

test("last words bear the token as the loops do, and go to an instance that answers first", async () => {
  const { sim, instances, open } = world(3);
  const [failing] = instances;
  assert.ok(failing !== undefined);
  sim.network.partition(failing.origin);
  const { client, page } = open("secret");
  await soon(sim, client.push([{ n: 0 }], { ack: "one" }));
  await sim.advance(1000);
  client.record({ n: 1 });
  page.hide();
  assert.deepEqual(
    page.words.map(({ url }) => new URL(url).hostname),
    ["i1", "i0"],
  );
  assert.deepEqual(page.words[0]?.headers, {
    authorization: "Bearer secret",
    "content-type": "application/x-ndjson",
  });
  assert.deepEqual(
    page.words.map((word) => numbersIn(textOf(word).trim().split("\n"))),
    [[1], [0, 1]],
    "each what it lacks",
  );
  await soon(sim, client.close());
});

test("last words are whole lines, never more than browsers allow, and nothing that an instance has", async () => {
  const anyWrite = fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(anyWrite, fc.boolean()), { maxLength: 8 }), async (writes) => {
      const { sim, instances, open } = world(4);
      for (const { origin } of instances) sim.network.partition(origin);
      const { client, page } = open();
      const pushed = new Set<number>();
      for (const [sizes, isLeft] of writes) {
        const events = sizes.map((size) => {
          pushed.add(pushed.size);
          return { n: pushed.size - 1, text: "x".repeat(size) };
        });
        await soon(sim, client.push(events));
        if (!isLeft) continue;
        const before = page.words.length;
        page.hide();
        const words = page.words.slice(before);
        assert.ok(words.reduce((sum, { body }) => sum + body.length, 0) <= 65_536);
        for (const word of words) {
          assert.equal(textOf(word).at(-1), "\n");
          for (const n of numbersIn(textOf(word).trim().split("\n"))) assert.ok(pushed.has(n));
        }
      }
      for (const { origin } of instances) sim.network.heal(origin);
      await soon(sim, client.flush({ timeoutMs: 120_000 }));
      for (const { lines } of instances) assert.deepEqual(new Set(numbersIn(lines)), pushed);
      for (const { lines } of instances) assert.equal(lines.length, pushed.size);
      await soon(sim, client.close());
    }),
    { numRuns: 25 },
  );
});

test("what could not be spooled is no last word: its writer was told", async () => {
  const { sim, open } = world(5);
  const { client, page } = open();
  await soon(sim, client.push([{ n: 0 }]));
  await soon(sim, client.close());
  await assert.rejects(client.push([{ n: 1 }]), { code: "closed" });
  page.hide();
  assert.equal(page.words.length, 0);
});
