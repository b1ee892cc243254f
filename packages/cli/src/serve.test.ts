/** `epsilon serve` and `check` as processes: starting, ending, refusing, and what a kill leaves. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createClient } from "@epsilon/client";
import { epsilon, parseLines, serve, temporaryFile, temporaryFolder } from "./fixture.ts";
import { parseListen } from "./listen-options.ts";
import { parseRetention } from "./serve-instance.ts";

test("an instance says where it listens and where its data is, and ends in order", async () => {
  const data = join(temporaryFolder(), "new/data");
  const instance = await serve(data);
  assert.match(instance.said(), /^listening on http:\/\/127\.0\.0\.1:\d+\n/);
  assert.ok(instance.said().includes(`data in ${data}`));
  assert.equal((await fetch(`${instance.url}/readyz`)).status, 200);
  const answer = (await (await fetch(`${instance.url}/v1/instance`)).json()) as { version?: string };
  assert.equal(answer.version, "0.1.0");
  const inUse = await epsilon(["serve", "--data", data, "--listen", "127.0.0.1:0"]);
  assert.equal(inUse.code, 2);
  assert.match(inUse.stderr, /\(data_in_use\)/);
  const port = new URL(instance.url).port;
  const taken = await epsilon(["serve", "--data", temporaryFolder(), "--listen", `127.0.0.1:${port}`]);
  assert.equal(taken.code, 2);
  assert.match(taken.stderr, /\(address_in_use\)/);
  assert.equal(await instance.end("SIGTERM"), 0);
});

test("with --format json the log is JSON", async () => {
  const instance = await serve(temporaryFolder(), ["--format", "json"]);
  assert.equal(await instance.end("SIGINT"), 0);
  const lines = parseLines(instance.said());
  assert.deepEqual(
    lines.map(({ event }) => event),
    ["listening", "stopping", "stopped"],
  );
  assert.equal(lines[0]?.["url"], instance.url);
});

test("what was acknowledged is there after a kill, and the folder is sound", async () => {
  const data = temporaryFolder();
  const first = await serve(data);
  const events = Array.from({ length: 500 }, (_, n) => `{"_ts":${1_769_860_800_000 + n},"n":${n}}\n`).join(
    "",
  );
  const file = temporaryFile("n.ndjson", events);
  assert.equal((await epsilon(["push", file, "--to", first.url])).code, 0);
  assert.equal(await first.end("SIGKILL"), null);
  const report = await epsilon(["check", "--data", data, "--format", "json"]);
  assert.equal(report.code, 0, report.stderr);
  assert.equal((JSON.parse(report.stdout) as { events: number }).events, 500);
  const second = await serve(data);
  const again = await epsilon(["push", file, "--to", second.url]);
  assert.match(again.stderr, /pushed 0 events.*nothing new/);
  const busy = await epsilon(["check", "--data", data]);
  assert.equal(busy.code, 2);
  assert.match(busy.stderr, /\(data_in_use\)/);
  await second.end("SIGTERM");
  const text = await epsilon(["check", "--data", data]);
  assert.match(text.stdout, /events: 500 events, 0 tombstones\nsound \(500 events/);
});

test("when a durable write fails the process ends with 2, and what was acknowledged is there", {
  skip: process.platform !== "linux",
}, async () => {
  const data = temporaryFolder();
  // No file may become larger than three megabytes.
  const limited = await serve(data, [], 3000);
  const lines = Array.from({ length: 100_000 }, (_, n) => `{"_ts":${1_769_860_800_000 + n},"n":${n}}\n`);
  const file = temporaryFile("n.ndjson", lines.join(""));
  const pushed = await epsilon(["push", file, "--to", limited.url, "--timeout", "1s"]);
  assert.equal(pushed.code, 2);
  assert.equal(await limited.ended, 2);
  assert.match(limited.said(), /error failed code=store_failed/);
  const [, stored = "0"] = /: ([0-9]+) stored/.exec(pushed.stderr) ?? [];
  const report = await epsilon(["check", "--data", data, "--format", "json"]);
  assert.equal(report.code, 0, report.stderr);
  assert.ok((JSON.parse(report.stdout) as { events: number }).events >= Number(stored));
});

test("check refuses what is no data folder, and makes none", async () => {
  const nothing = join(temporaryFolder(), "nothing");
  const missing = await epsilon(["check", "--data", nothing]);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /\(file_not_found\)/);
  assert.ok(!existsSync(nothing));
  assert.match((await epsilon(["check"])).stderr, /--data DIR.*\(usage\)/);
  assert.match((await epsilon(["check", "--data", "x", "--spool", "x"])).stderr, /\(usage\)/);
  assert.match((await epsilon(["check", "--spool", nothing])).stderr, /\(file_not_found\)/);
  assert.match((await epsilon(["check", "--data", "x", "--repair"])).stderr, /\(not_implemented\)/);
});

test("check reads a spool, and says which part is damaged", async () => {
  const spool = temporaryFolder();
  const client = createClient({ instances: ["http://127.0.0.1:9"], collection: "views", spool });
  // Later frames vouch for the first: damage in the last one looks like a torn tail.
  for (const n of [1, 2, 3]) await client.push([{ n }]);
  await client.close();
  const sound = await epsilon(["check", "--spool", spool]);
  assert.equal(sound.code, 0, sound.stderr);
  assert.match(
    sound.stdout,
    /^views\/\w+: 3 events, \d+ bytes\nsound \(3 events, 3 log frames verified\)\n$/,
  );
  const json = await epsilon(["check", "--spool", spool, "--format", "json"]);
  const { parts } = JSON.parse(json.stdout) as { parts: { part: string; events: number }[] };
  assert.equal(parts[0]?.events, 3);
  const folder = join(spool, "collections", "views", parts[0]?.part ?? "", "log");
  const [file = ""] = readdirSync(folder);
  const text = readFileSync(join(folder, file), "utf8");
  writeFileSync(join(folder, file), text.replace('"n":1', '"n":7'));
  const damaged = await epsilon(["check", "--spool", spool]);
  assert.equal(damaged.code, 1, damaged.stdout);
  assert.match(damaged.stdout, /found: .*views.*, byte 0: .*\(log_damaged\)\nnot sound: 1 findings/);
});

test("a certificate that does not work is said so before a data folder is made", async () => {
  const data = join(temporaryFolder(), "data");
  const file = temporaryFile("pem", "no certificate");
  const report = await epsilon(["serve", "--data", data, "--tls-cert", file, "--tls-key", file]);
  assert.equal(report.code, 2);
  assert.match(report.stderr, /TLS certificate .*\(usage\)/);
  assert.ok(!existsSync(data));
});

test("who may: tokens are asked for, and other machines are refused without them", async () => {
  const tokens = temporaryFile("tokens", "s3cret read,write\n");
  const instance = await serve(temporaryFolder(), ["--tokens", tokens]);
  const push = ["push", "-", "--to", instance.url];
  const without = await epsilon(push, { input: "{}" });
  assert.equal(without.code, 2);
  assert.match(without.stderr, /\(unauthorized\)/);
  assert.equal((await epsilon([...push, "--token", "s3cret"], { input: "{}" })).code, 0);
  const file = temporaryFile("token", "s3cret\n");
  assert.equal((await epsilon([...push, "--token-file", file], { input: "{}" })).code, 0);
  const variable = { EPSILON_TOKEN: "s3cret", EPSILON_URL: instance.url };
  assert.equal((await epsilon(["push", "-"], { input: "{}", variables: variable })).code, 0);
  await instance.end("SIGTERM");
  const open = await epsilon(["serve", "--data", temporaryFolder(), "--listen", "0.0.0.0:0"]);
  assert.equal(open.code, 2);
  assert.match(open.stderr, /\(insecure_address\)/);
});

test("flags of serve that cannot be are refused before anything is made", async () => {
  const data = join(temporaryFolder(), "data");
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["--listen", "nonsense"], /\(usage\)/],
    [["--retention", "soon"], /\(bad_request\)/],
    [["--tokens", "/no/such/file"], /\(file_not_found\)/],
    [["--tls-cert", "/no/such/file"], /\(usage\)/],
    [["--allow-origin", "not an origin"], /\(bad_request\)/],
    [["--snapshot-to", "x"], /\(not_implemented\)/],
    [["--no-such-flag"], /\(usage\)/],
    [["extra"], /\(usage\)/],
    [["--data", ""], /--data is empty.*\(usage\)/],
  ];
  const flags = ["serve", "--data", data, "--listen", "127.0.0.1:0"];
  const ends = await Promise.all(
    cases.map(async ([words, message]) => ({ words, message, ran: await epsilon([...flags, ...words]) })),
  );
  for (const { words, message, ran } of ends) {
    assert.equal(ran.code, 2, words.join(" "));
    assert.match(ran.stderr, message);
  }
  assert.ok(!existsSync(data));
});

test("addresses and retentions", () => {
  assert.deepEqual(parseListen("0.0.0.0:80"), { host: "0.0.0.0", port: 80 });
  assert.deepEqual(parseListen("[::1]:4320"), { host: "::1", port: 4320 });
  assert.deepEqual(parseListen("4320"), { host: "127.0.0.1", port: 4320 });
  assert.deepEqual(parseListen("localhost:0"), { host: "localhost", port: 0 });
  for (const text of ["", "localhost", "::1:4320", "a:b", "host:99999", "http://x:1"])
    assert.throws(() => parseListen(text), { code: "usage" }, text);
  assert.deepEqual(parseRetention("90d,views=1h logs=2w"), {
    defaultMs: 7_776_000_000,
    byCollection: new Map([
      ["views", 3_600_000],
      ["logs", 1_209_600_000],
    ]),
  });
  assert.deepEqual(parseRetention(""), { defaultMs: null, byCollection: new Map() });
  for (const text of ["90d,30d", "a=1d,a=2d", "0d", "a=b=c"]) assert.throws(() => parseRetention(text), text);
});
