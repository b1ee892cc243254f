/** The browser's spool: a part a tab, adopted when the tab is gone, the same again after a reload, and never too full. */

import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv } from "@epsilon/env/testing";
import { EpsilonError, sha256 } from "@epsilon/model";
import type { Part } from "../spool/spool.ts";
import type { ChunkStore } from "./chunk-store.ts";
import { openIndexedStore } from "./indexed-store.ts";
import { openStoredPart } from "./stored-part.ts";
import { openStoredSpool, type StoredSpoolOptions } from "./stored-spool.ts";
import { Browser, type Tab } from "./tabs.fixture.ts";

const encoder = new TextEncoder();
const chunkOf = (text: string) => ({ lines: encoder.encode(`{"n":"${text}"}\n`), events: 1 });
let databases = 0;

function world(seed: number) {
  const env = createSimEnv(seed).boot();
  const name = `spool ${databases++}`;
  const browser = new Browser();
  const open = async (tab: Tab, options: Partial<StoredSpoolOptions> = {}) =>
    openStoredSpool(env, { store: await openIndexedStore(name), locks: tab, hash: sha256, ...options });
  return { env, name, browser, open };
}

async function linesOf(parts: readonly Part[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const part of parts)
    for await (const chunk of part.read({ after: null, gap: null }))
      lines.push(`${part.collection} ${new TextDecoder().decode(chunk.lines).trim()}`);
  return lines.sort();
}

test("a reload goes on with the same source, part, stream and cursors", async () => {
  const { browser, open } = world(1);
  const tab = browser.tab();
  const spool = await open(tab);
  await spool.append("logs", chunkOf("1"));
  const { cursor } = await spool.append("views", chunkOf("2"));
  assert.match(spool.source, /^machine\/[0-9a-f]{16}$/);
  tab.end();
  const taken: Part[] = [];
  const later = await open(browser.tab(), { onPart: (part) => taken.push(part) });
  assert.equal(later.source, spool.source);
  assert.deepEqual(await linesOf(later.parts), ['logs {"n":"1"}', 'views {"n":"2"}']);
  assert.deepEqual(taken, later.parts);
  const next = await later.append("views", chunkOf("3"));
  assert.deepEqual([next.cursor.stream, next.cursor.position], [cursor.stream, 2]);
  assert.equal(later.parts.length, 2, "no part was made");
  await later.close();
  await assert.rejects(later.append("views", chunkOf("4")), { code: "closed" });
});

test("two tabs have a part each; when one is closed, the other adopts its part", async () => {
  const { browser, open } = world(2);
  const [one, two] = [browser.tab(), browser.tab()];
  const [first, second] = await Promise.all([open(one), open(two)]);
  assert.equal(first.source, second.source);
  await Promise.all([first.append("views", chunkOf("1")), second.append("views", chunkOf("2"))]);
  await second.adopt();
  assert.deepEqual(await linesOf(second.parts), ['views {"n":"2"}']);
  one.end();
  await second.adopt();
  assert.deepEqual(await linesOf(second.parts), ['views {"n":"1"}', 'views {"n":"2"}']);
  await second.close();
  const third = await open(browser.tab());
  assert.equal(third.parts.length, 2, "given back by the one that was closed");
  await third.close();
});

test("appends under way go together, in order, and each learns its own cursor", async () => {
  const { browser, open } = world(3);
  const spool = await open(browser.tab());
  const written = await Promise.all(
    Array.from({ length: 50 }, (_, n) => spool.append("views", chunkOf(`${n}`))),
  );
  assert.deepEqual(
    written.map(({ cursor }) => cursor.position),
    Array.from({ length: 50 }, (_, n) => n + 1),
  );
  const [part] = spool.parts;
  assert.ok(part !== undefined);
  for (const { cursor } of written)
    assert.deepEqual(await part.resume([cursor]), { after: cursor, gap: null }, "each check is right");
  assert.equal(spool.sizeBytes, 50 * 100 + 50 * 10 + 40);
  await spool.close();
});

test("what is trimmed makes room, and is a gap for whoever lacks it", async () => {
  const { browser, open } = world(4);
  const tab = browser.tab();
  const spool = await open(tab, { bytesMax: 300 });
  const { part, cursor } = await spool.append("views", chunkOf("1"));
  await spool.append("views", chunkOf("2"));
  await spool.append("views", chunkOf("3"));
  let isIn = false;
  const waiting = spool.append("views", chunkOf("4")).then(() => {
    isIn = true;
  });
  const stop = new AbortController();
  const given = spool.append("views", chunkOf("5"), stop.signal);
  stop.abort();
  await assert.rejects(given, { code: "spool_full" });
  assert.equal(isIn, false);
  await spool.trim(part, 2);
  await waiting;
  const start = await part.start();
  assert.equal(start.position, 2);
  assert.deepEqual(await part.resume([cursor]), {
    after: start,
    gap: { from: 1, to: 2, reason: "trimmed from the spool" },
  });
  assert.deepEqual(await part.resume([start]), { after: start, gap: null });
  tab.end();
  const later = await open(browser.tab());
  const [again] = later.parts;
  assert.deepEqual(await again?.start(), start, "as it is after a reload");
  assert.equal(later.sizeBytes, 2 * 110);
  await later.trim(again as never, 99);
  assert.equal(later.sizeBytes, 0);
  await later.close();
  const empty = await open(browser.tab());
  const next = await empty.append("views", chunkOf("6"));
  assert.equal(next.cursor.position, 5, "an empty part counts on");
  await empty.close();
});

test("a write that fails is in nobody's way, and says why", async () => {
  const { env, name } = world(5);
  const real = await openIndexedStore(name);
  let failure: EpsilonError | undefined = new EpsilonError("disk_full", "no room");
  const store: ChunkStore = {
    ...real,
    add: (chunks) => (failure === undefined ? real.add(chunks) : Promise.reject(failure)),
  };
  const part = await openStoredPart(env, { store, part: "views/a", source: "s", hash: sha256 });
  const { lines } = chunkOf("1");
  await assert.rejects(part.append(lines, 1), { code: "disk_full" });
  assert.equal(part.sizeBytes, 0);
  failure = undefined;
  const { position } = await part.append(lines, 1);
  assert.equal(position, 1);
  await part.close();
  await assert.rejects(part.append(lines, 1), { code: "closed" });
});

test("a new stream outlives a reload", async () => {
  const { env, name } = world(6);
  const store = await openIndexedStore(name);
  const options = { store, part: "views/a", source: "s", hash: sha256 };
  const part = await openStoredPart(env, options);
  const cursor = await part.append(chunkOf("1").lines, 1);
  await part.resume([{ ...cursor, check: "other" }]);
  assert.notEqual(part.stream, cursor.stream);
  await part.trim(0);
  const again = await openStoredPart(env, options);
  assert.equal(again.stream, part.stream);
  store.close();
});
