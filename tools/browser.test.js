/**
 * The library in a real browser, as it is published: pages of another origin write to two instances, are reloaded and
 * closed, and write while instances are down. Needs Chromium: on PATH, or EPSILON_CHROMIUM says where.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as later } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { bundleForPages } from "./pack.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const executablePath = findChromium();
const skip = executablePath === undefined ? "no Chromium on PATH, and no EPSILON_CHROMIUM" : false;
const folder = mkdtempSync(join(tmpdir(), "epsilon-browser-"));

/** What the page imports by name, as a bundler or a content delivery network would resolve it. */
const imports = { idb: "/modules/idb/build/index.js", "@noble/hashes/": "/modules/@noble/hashes/" };
const html = `<!doctype html><title>A page</title>
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">
  import * as library from "/browser/index.js";
  window.open = (options) => { window.client = library.createClient({ collection: "views", ...options }); };
  window.isReady = true;
</script>`;

let browser;
let server;
let origin;
let instances;

before(async () => {
  if (skip !== false) return;
  await bundleForPages(folder);
  server = createServer(serveFile);
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  origin = `http://127.0.0.1:${server.address().port}`;
  instances = [new Instance("one"), new Instance("two")];
  for (const instance of instances) await instance.start();
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
});

after(async () => {
  await browser?.close();
  for (const instance of instances ?? []) await instance.stop();
  server?.closeAllConnections();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

function findChromium() {
  const given = process.env.EPSILON_CHROMIUM;
  if (given !== undefined && given !== "") return given;
  const folders = (process.env.PATH ?? "").split(delimiter);
  return ["chromium", "chromium-browser", "google-chrome"]
    .flatMap((name) => folders.map((path) => join(path, name)))
    .find((path) => existsSync(path));
}

function serveFile(request, response) {
  const { pathname } = new URL(request.url, "http://page");
  if (pathname === "/") return response.writeHead(200, { "content-type": "text/html" }).end(html);
  const path = pathname.startsWith("/modules/")
    ? join(root, "node_modules", pathname.slice("/modules/".length))
    : join(folder, pathname);
  if (!existsSync(path)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": "text/javascript" }).end(readFileSync(path));
}

/** An instance as a process, which allows the page's origin and comes up again at its address. */
class Instance {
  #name;
  #child;
  #address = "127.0.0.1:0";

  constructor(name) {
    this.#name = name;
  }

  get url() {
    return `http://${this.#address}`;
  }

  async start() {
    const command = join(root, "packages/cli/bin/epsilon.js");
    const flags = ["--data", join(folder, this.#name), "--listen", this.#address, "--allow-origin", origin];
    this.#child = spawn(process.execPath, [command, "serve", ...flags], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    const url = await new Promise((resolve, reject) => {
      this.#child.stderr.on("data", (chunk) => {
        said += chunk;
        const [, found] = /listening on (\S+)/.exec(said) ?? [];
        if (found !== undefined) resolve(found);
      });
      this.#child.once("exit", () => reject(new Error(said)));
    });
    this.#address = new URL(url).host;
  }

  async stop() {
    if (this.#child === undefined) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await ended;
    this.#child = undefined;
  }

  /** The values of `n` in a collection, in order. */
  async numbers(collection) {
    const response = await fetch(`${this.url}/v1/collections/${collection}/events`);
    const text = response.ok ? await response.text() : "";
    const lines = text.split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line).n).sort((a, b) => a - b);
  }
}

/** Asks every instance until it holds just these, and fails with what it holds if that never comes to be. */
async function assertHeld(collection, expected) {
  for (const instance of instances) {
    let held = [];
    for (let attempt = 0; attempt < 300; attempt += 1) {
      held = await instance.numbers(collection);
      if (held.length >= expected.length) break;
      await later(100);
    }
    assert.deepEqual(held, expected, instance.url);
  }
}

/** Runs a story in a browser of its own: nothing is left of the ones before. */
function story(name, run) {
  test(name, { skip, timeout: 120_000 }, async () => {
    const context = await browser.newContext();
    const errors = [];
    const collection = name.replace(/[^a-z]+/g, "_").slice(0, 40);
    const open = async (options = {}) => {
      const page = await context.newPage();
      page.on("pageerror", (error) => errors.push(error));
      await begin(page, options);
      return page;
    };
    const begin = async (page, options = {}) => {
      await page.goto(origin);
      await page.waitForFunction(() => window.isReady === true);
      await page.evaluate((given) => window.open(given), {
        instances: instances.map(({ url }) => url),
        collection,
        ...options,
      });
    };
    try {
      await run({ open, begin, collection });
    } finally {
      await context.close();
      for (const instance of instances) if (!(await isUp(instance))) await instance.start();
    }
    assert.deepEqual(errors, []);
  });
}

async function isUp(instance) {
  return fetch(`${instance.url}/v1/instance`).then(
    () => true,
    () => false,
  );
}

const push = (page, numbers, options) =>
  page.evaluate(
    ([given, more]) =>
      window.client.push(
        given.map((n) => ({ n })),
        more,
      ),
    [numbers, options ?? {}],
  );

story("what a page records and pushes is on both instances, and the page can ask for it", async (world) => {
  const page = await world.open();
  await page.evaluate(() => window.client.record({ n: 1 }));
  const { ids } = await push(page, [2, 3], { ack: "all", timeoutMs: 20_000 });
  assert.equal(ids.length, 2);
  await page.evaluate(() => window.client.flush());
  await assertHeld(world.collection, [1, 2, 3]);
  const { summary } = await page.evaluate(() => window.client.query("SELECT count, sum(n)"));
  assert.deepEqual(summary, [{ count: 3, "sum(n)": 6 }]);
  const read = await page.evaluate(async () => {
    const found = [];
    for await (const event of window.client.events()) found.push(event.n);
    return found.sort();
  });
  assert.deepEqual(read, [1, 2, 3]);
  const status = await page.evaluate(() => window.client.status());
  assert.match(status.source, /^127\.0\.0\.1\/[0-9a-f]{16}$/);
  assert.deepEqual([status.spoolBytesMax, status.lostRecords], [50_000_000, 0]);
});

story("an instance that is down while a page writes gets it when it comes up", async (world) => {
  const page = await world.open();
  await instances[1].stop();
  await push(page, [1, 2], { ack: "one", timeoutMs: 20_000 });
  await instances[1].start();
  await page.evaluate(() => window.client.flush({ timeoutMs: 60_000 }));
  await assertHeld(world.collection, [1, 2]);
});

story("a page that is reloaded keeps what was spooled", async (world) => {
  const page = await world.open();
  for (const instance of instances) await instance.stop();
  await push(page, [1, 2]);
  await world.begin(page);
  await push(page, [3]);
  const before = await page.evaluate(() => window.client.status());
  assert.equal(before.loops.length, 2, "the same part");
  assert.ok(before.spoolBytes > 200);
  for (const instance of instances) await instance.start();
  await page.evaluate(() => window.client.flush({ timeoutMs: 60_000 }));
  await assertHeld(world.collection, [1, 2, 3]);
});

story("a page that is closed at once has sent what it recorded", async (world) => {
  const page = await world.open();
  await push(page, [1], { ack: "all", timeoutMs: 20_000 });
  await page.evaluate(() => window.client.record({ n: 2 }));
  await page.close();
  await assertHeld(world.collection, [1, 2]);
});

story("a page that goes elsewhere at once has sent what it recorded", async (world) => {
  const page = await world.open();
  await push(page, [1], { ack: "all", timeoutMs: 20_000 });
  await page.evaluate(() => {
    window.client.record({ n: 2 });
    location.href = "about:blank";
  });
  await assertHeld(world.collection, [1, 2]);
});

story("two tabs write side by side, and what a closed one left is brought by the next", async (world) => {
  const [first, second] = [await world.open(), await world.open()];
  await Promise.all([push(first, [1]), push(second, [2])]);
  for (const page of [first, second]) await page.evaluate(() => window.client.flush());
  await assertHeld(world.collection, [1, 2]);
  for (const instance of instances) await instance.stop();
  await Promise.all([push(first, [3]), push(second, [4])]);
  await first.close();
  for (const instance of instances) await instance.start();
  // The next that is opened, or the other one, whichever looks first.
  await world.open();
  await assertHeld(world.collection, [1, 2, 3, 4]);
});

story("where the browser keeps nothing, a page writes from memory, and is warned", async (world) => {
  const page = await world.open();
  const told = await page.evaluate(
    ([urls, collection]) =>
      new Promise((resolve) => {
        Object.defineProperty(window, "indexedDB", { value: undefined });
        window.open({ instances: urls, collection, spool: "none", report: ({ event }) => resolve(event) });
      }),
    [instances.map(({ url }) => url), world.collection],
  );
  assert.equal(told, "spool_in_memory");
  await push(page, [1], { ack: "all", timeoutMs: 20_000 });
  await assertHeld(world.collection, [1]);
});
