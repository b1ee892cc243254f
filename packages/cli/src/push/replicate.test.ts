/** `epsilon push` to several instances: files, pipes and files that grow, with instances that are away. */
import assert from "node:assert/strict";
import { appendFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  epsilon,
  exitOf,
  freePort,
  parseLines,
  type Served,
  serve,
  start,
  temporaryFile,
  temporaryFolder,
} from "../fixture.ts";

let a: Served;
let b: Served;
after(async () => {
  await Promise.all([a.end("SIGTERM"), b.end("SIGTERM")]);
});
before(async () => {
  [a, b] = await Promise.all([serve(temporaryFolder()), serve(temporaryFolder())]);
});

function linesOf(from: number, to: number): string {
  return Array.from(
    { length: to - from },
    (_, index) => `{"_ts":"2026-01-31T12:00:00Z","n":${from + index}}\n`,
  ).join("");
}

async function idsOn(url: string, collection: string): Promise<readonly string[]> {
  const ran = await epsilon(["export", "--from", url, "--collection", collection]);
  assert.equal(ran.code, 0, ran.stderr);
  return parseLines(ran.stdout).map(({ _id }) => String(_id));
}

async function countOn(url: string, collection: string): Promise<number> {
  const response = await fetch(`${url}/v1/collections/${collection}/query?q=SELECT+count`);
  const answer = (await response.json()) as { summary?: { count: number }[] };
  return answer.summary?.[0]?.count ?? 0;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo()));
}

test("a file goes to all of --to, and is the same events there", async () => {
  const file = temporaryFile("a.ndjson", linesOf(0, 5000));
  const ran = await epsilon(["push", file, "--to", `${a.url},${b.url}`, "--collection", "both"]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /^pushed 5000 events: 5000 stored, 0 duplicates, 0 rejected$/m);
  assert.match(ran.stderr, new RegExp(`${b.url}: has all of it \\(5000 stored, 0 duplicates\\)`));
  const ids = await idsOn(a.url, "both");
  assert.equal(new Set(ids).size, 5000);
  assert.deepEqual(await idsOn(b.url, "both"), ids);
});

test("an instance that is away does not hold up the other, and gets what it lacks when it is run again", async () => {
  const port = await freePort();
  const away = `http://127.0.0.1:${port}`;
  const file = temporaryFile("a.ndjson", linesOf(0, 100));
  const words = ["push", file, "--to", `${a.url} ${away}`, "--collection", "away"];
  const failed = await epsilon([...words, "--timeout", "600ms"]);
  assert.equal(failed.code, 2);
  assert.match(failed.stderr, /not yet on all .*has it.*no answer.*run it again.*\(not_acknowledged\)/s);
  assert.equal(await countOn(a.url, "away"), 100);
  const one = await epsilon([...words, "--ack", "one"]);
  assert.equal(one.code, 0, one.stderr);
  assert.match(one.stderr, /not yet.*run it again/);
  const served = await serve(temporaryFolder(), ["--listen", `127.0.0.1:${port}`]);
  try {
    appendFileSync(file, linesOf(100, 110));
    const again = await epsilon(words);
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stderr, new RegExp(`${a.url}: has all of it \\(10 stored, 0 duplicates\\)`));
    assert.match(again.stderr, new RegExp(`${away}: has all of it \\(110 stored, 0 duplicates\\)`));
    assert.deepEqual(await idsOn(away, "away"), await idsOn(a.url, "away"));
  } finally {
    await served.end("SIGTERM");
  }
});

test("stdin goes through a spool, and the next one sends what was left", async () => {
  const spool = temporaryFolder();
  const port = await freePort();
  const away = `http://127.0.0.1:${port}`;
  const words = ["push", "-", "--to", `${a.url},${away}`, "--collection", "piped", "--spool", spool];
  const failed = await epsilon([...words, "--timeout", "600ms"], { input: '{"n":1}\n{"n":1}\nnonsense\n' });
  assert.equal(failed.code, 2);
  assert.match(failed.stderr, /stdin:3: .*\(bad_json\)/);
  const served = await serve(temporaryFolder(), ["--listen", `127.0.0.1:${port}`]);
  try {
    const ran = await epsilon(words, { input: '{"n":2}\n' });
    assert.equal(ran.code, 0, ran.stderr);
    const ids = await idsOn(a.url, "piped");
    assert.equal(ids.length, 3);
    assert.deepEqual(await idsOn(away, "piped"), ids);
  } finally {
    await served.end("SIGTERM");
  }
  assert.ok(readdirSync(spool).includes("spool.json"));
  // A file whose lines carry no time is read once, as a pipe is.
  const timeless = temporaryFile("t.ndjson", '{"n":1}\n{"n":1}\n');
  const ran = await epsilon(["push", timeless, "--to", a.url, "--collection", "timeless", "--spool", spool]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(await countOn(a.url, "timeless"), 2);
});

test("a file is followed as it grows, through a rename and a restart", async () => {
  const file = join(temporaryFolder(), "app.ndjson");
  writeFileSync(file, linesOf(0, 3));
  const words = ["push", file, "--follow", "--to", `${a.url},${b.url}`, "--collection", "followed"];
  const first = start(words);
  await until(async () => (await countOn(b.url, "followed")) === 3);
  appendFileSync(file, linesOf(3, 5));
  await until(async () => (await countOn(a.url, "followed")) === 5);
  first.kill("SIGINT");
  assert.equal(await exitOf(first), 0);
  appendFileSync(file, linesOf(5, 6));
  renameSync(file, `${file}.1`);
  writeFileSync(file, linesOf(6, 9));
  const second = start(words);
  await until(
    async () => (await countOn(a.url, "followed")) === 9 && (await countOn(b.url, "followed")) === 9,
  );
  second.kill("SIGKILL");
  await exitOf(second);
  assert.deepEqual(await idsOn(b.url, "followed"), await idsOn(a.url, "followed"));
});

test("a token that may only append gets a file there without cursors", async () => {
  const tokens = temporaryFile("tokens", "all read,write,admin\nfew append\n");
  const served = await serve(temporaryFolder(), ["--tokens", tokens]);
  try {
    const file = temporaryFile("a.ndjson", linesOf(0, 10));
    const words = ["push", file, "--to", served.url, "--token", "few"];
    assert.match((await epsilon(words)).stderr, /10 stored, 0 duplicates/);
    const again = await epsilon(words);
    assert.equal(again.code, 0);
    assert.match(again.stderr, /^pushed 10 events: 0 stored, 10 duplicates, 0 rejected$/m);
    const none = await epsilon(["push", file, "--to", served.url, "--token", "none"]);
    assert.equal(none.code, 2);
    assert.match(none.stderr, /\(unauthorized\)/);
  } finally {
    await served.end("SIGTERM");
  }
});
