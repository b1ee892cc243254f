/** `query`, `tail`, `export`, `delete`, `drop` as processes, and command lines that are not understood. */
import assert from "node:assert/strict";
import { closeSync, existsSync, openSync } from "node:fs";
import { after, before, test } from "node:test";
import { must } from "@epsilon/model";
import { laterCommands } from "./commands/later.ts";
import {
  epsilon,
  exitOf,
  parseLines,
  type Ran,
  type Served,
  serve,
  start,
  temporaryFile,
  temporaryFolder,
} from "./fixture.ts";

let instance: Served;
after(() => instance.end("SIGTERM"));
before(async () => {
  instance = await serve(temporaryFolder());
  const events = Array.from({ length: 6 }, (_, n) => ({
    _ts: `2026-01-0${n + 1}T00:00:00Z`,
    host: `web-${n % 2}`,
    bytes: n * 10,
    path: n === 3 ? 'a "b", c' : "/",
  }));
  const input = events.map((event) => JSON.stringify(event)).join("\n");
  const ran = await ask(["push", "-", "--to", instance.url], { input });
  assert.equal(ran.code, 0, ran.stderr);
});

function ask(words: readonly string[], options: { readonly input?: string } = {}): Promise<Ran> {
  return epsilon(words, { ...options, variables: { EPSILON_URL: instance.url } });
}

test("a query as a table, JSON, CSV and lines", async () => {
  const question = "SELECT count, sum(bytes) GROUP BY host ORDER BY host";
  const table = await ask(["query", question]);
  assert.equal(
    table.stdout,
    "host   count  sum(bytes)\nweb-0      3          60\nweb-1      3          90\n",
  );
  const json = JSON.parse((await ask(["query", question, "--format", "json"])).stdout) as {
    summary: unknown[];
  };
  assert.deepEqual(json.summary, [
    { host: "web-0", count: 3, "sum(bytes)": 60 },
    { host: "web-1", count: 3, "sum(bytes)": 90 },
  ]);
  const csv = await ask(["query", question, "--format", "csv"]);
  assert.equal(csv.stdout, "host,count,sum(bytes)\nweb-0,3,60\nweb-1,3,90\n");
  assert.deepEqual(parseLines((await ask(["query", question, "--format", "ndjson"])).stdout), json.summary);
  const object = await ask(["query", '{"columns":[{"aggregate":"count"}]}', "--format", "csv"]);
  assert.equal(object.stdout, "count\n6\n");
});

test("series, raw events, notes and no events", async () => {
  const series = await ask(["query", "SELECT count POINT SIZE 1mo", "--format", "csv"]);
  assert.equal(series.stdout, "_ts,count\n2026-01-01T00:00:00.000000Z,6\n");
  const raw = await ask(["query", "WHERE path CONTAINS 'b'", "--format", "csv"]);
  assert.match(raw.stdout, /,"a ""b"", c"/);
  const noted = await ask(["query", "SELECT count WHERE nobody = 1"]);
  assert.match(noted.stderr, /^note: .*\(unknown_field\)/);
  assert.equal((await ask(["query", "SELECT count WHERE nobody = 1", "--quiet"])).stderr, "");
  assert.equal((await ask(["query", "WHERE bytes > 1000"])).stdout, "no events\n");
});

test("errors of queries name the place", async () => {
  const bad = await ask(["query", "SELECT count WHRE a = 1"]);
  assert.equal(bad.code, 2);
  assert.match(bad.stderr, /line 1, column 14.*\(bad_query\)/);
  assert.match((await ask(["query", "{nonsense"])).stderr, /\(bad_json\)/);
  assert.match(
    (await ask(["query", "SELECT count", "--collection", "nobody"])).stderr,
    /\(unknown_collection\)/,
  );
  assert.match((await ask(["query", "SELECT count", "--format", "xml"])).stderr, /table.*\(usage\)/);
});

test("export takes bounds and a filter", async () => {
  const some = await ask([
    "export",
    "--start",
    "2026-01-02",
    "--end",
    "2026-01-05",
    "--filter",
    "host = 'web-1'",
  ]);
  assert.deepEqual(
    parseLines(some.stdout).map(({ bytes }) => bytes),
    [10, 30],
  );
});

test("a reader that has seen enough ends the command quietly", async () => {
  const input = Array.from(
    { length: 50_000 },
    (_, n) => `{"_ts":${1_769_860_800_000 + n},"text":"${"x".repeat(60)}"}`,
  ).join("\n");
  assert.equal((await ask(["push", "-", "--collection", "many"], { input })).code, 0);
  const child = start(["export", "--collection", "many"], { EPSILON_URL: instance.url });
  const stdout = must(child.stdout);
  let stderr = "";
  must(child.stderr).on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  stdout.once("data", () => stdout.destroy());
  assert.deepEqual([await exitOf(child), stderr], [0, ""]);
});

test("tail shows what comes, through a filter", async () => {
  const child = start(["tail", "n > 1", "--collection", "live"], { EPSILON_URL: instance.url });
  const first = await exitOf(child);
  assert.equal(first, 2, "the collection is not there yet");
  await ask(["push", "-", "--collection", "live"], { input: '{"n":0}' });
  const tail = start(["tail", "n > 1", "--collection", "live"], { EPSILON_URL: instance.url });
  const ended = exitOf(tail);
  let seen = "";
  const done = new Promise<void>((resolve) => {
    must(tail.stdout).on("data", (chunk: Buffer) => {
      seen += chunk.toString();
      if (seen.includes("\n")) resolve();
    });
  });
  // Nobody tells when a tail stands: write until it shows something.
  let isDone = false;
  void done.then(() => {
    isDone = true;
  });
  for (let n = 2; !isDone; n++)
    await ask(["push", "-", "--collection", "live"], { input: `{"n":1}\n{"n":${n}}` });
  for (const event of parseLines(seen)) assert.ok(Number(event["n"]) > 1);
  tail.kill("SIGINT");
  assert.equal(await ended, null);
});

test("delete counts first, then deletes; drop forgets", async () => {
  const input = '{"a":1}\n{"a":1}\n{"a":2}';
  await ask(["push", "-", "--collection", "gone"], { input });
  const flags = ["--collection", "gone"];
  assert.equal((await ask(["delete", "a = 1", ...flags, "--dry-run"])).stdout, "2 would be deleted\n");
  assert.equal((await ask(["delete", "a = 1", ...flags, "--format", "json"])).stdout, '{"deleted":2}\n');
  assert.equal((await ask(["delete", "a = 1", ...flags])).stdout, "0 deleted\n");
  assert.match((await ask(["delete", "a = ", ...flags])).stderr, /\(bad_query\)/);
  assert.match((await ask(["delete", "a = 1) OR (a = 2", ...flags])).stderr, /\(bad_query\)/);
  assert.match((await ask(["delete", ...flags])).stderr, /\(usage\)/);
  assert.equal((await ask(["drop", "gone"])).stdout, "gone dropped\n");
  assert.match((await ask(["query", "SELECT count", ...flags])).stderr, /\(unknown_collection\)/);
});

test("command lines that are not understood exit with 2 and a hint", async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["qury"], /Did you mean query.*\(usage\)/],
    [["query", "--frm", "x"], /Did you mean --from.*epsilon query --help \(usage\)/],
    [["query", "a", "b"], /\(usage\)/],
    [["query", "SELECT count", "--from", "nonsense"], /\(bad_request\)/],
    [["query", "SELECT count", "--from", "http://127.0.0.1:9"], /\(unreachable\)/],
    [["query", "SELECT count", "--token", "a", "--token-file", "b"], /\(usage\)/],
  ];
  const ends = await Promise.all(
    cases.map(async ([words, message]) => ({ words, message, ran: await ask(words) })),
  );
  for (const { words, message, ran } of ends) {
    assert.deepEqual([ran.code, ran.stdout], [2, ""], words.join(" "));
    assert.match(ran.stderr, message);
  }
  const later = Object.entries(laterCommands).map(async ([name, what]) => ({
    what,
    ran: await ask([name, "x", "--to", "y"]),
  }));
  for (const { what, ran } of await Promise.all(later)) {
    assert.equal(ran.code, 2);
    assert.ok(ran.stderr.includes(what) && ran.stderr.includes("(not_implemented)"));
  }
  const nothing = await ask([]);
  assert.equal(nothing.code, 2);
  assert.match(nothing.stderr, /Usage: epsilon/);
  const help = await ask(["push", "--help"]);
  assert.deepEqual([help.code, help.stderr], [0, ""]);
  assert.match(help.stdout, /Examples:/);
  assert.equal((await ask(["--version"])).stdout, "0.1.0\n");
});

test("FROM names the collection, unless --collection says another", async () => {
  const other = await epsilon(["push", "-", "--to", instance.url, "--collection", "other"], {
    input: '{"a":1}',
  });
  assert.equal(other.code, 0, other.stderr);
  const from = ["query", "SELECT count FROM other", "--format", "csv"];
  assert.equal((await ask(from)).stdout, "count\n1\n");
  assert.equal((await ask([...from, "--collection", "other"])).stdout, "count\n1\n");
  const differ = await ask([...from, "--collection", "events"]);
  assert.deepEqual([differ.code, differ.stdout], [2, ""]);
  assert.match(differ.stderr, /FROM says other.*\(usage\)/);
  const variables = { EPSILON_URL: instance.url, EPSILON_COLLECTION: "events" };
  assert.equal((await epsilon(from, { variables })).stdout, "count\n1\n");
});

test("a token on the command line wins over one in a variable; what is no token is refused", async () => {
  const file = temporaryFile("token", "a\n");
  const variables = { EPSILON_URL: instance.url, EPSILON_TOKEN_FILE: "/no/such/file", EPSILON_FROM: "" };
  const question = ["query", "SELECT count", "--format", "csv"];
  assert.equal((await epsilon([...question, "--token", "a"], { variables })).stdout, "count\n6\n");
  const token = { EPSILON_URL: instance.url, EPSILON_TOKEN: "b" };
  assert.equal((await epsilon([...question, "--token-file", file], { variables: token })).code, 0);
  for (const bad of ["", "a b", "a\nb", "ü"])
    assert.match((await ask([...question, "--token", bad])).stderr, /--token does not hold one.*\(usage\)/);
  const both = await ask([...question, "--token", "a", "--token-file", file]);
  assert.match(both.stderr, /\(usage\)/);
});

test("an empty filter deletes nothing", async () => {
  const ran = await ask(["delete", " "]);
  assert.equal(ran.code, 2);
  assert.match(ran.stderr, /epsilon drop.*\(usage\)/);
});

test("an answer that cannot be written is no bug", { skip: !existsSync("/dev/full") }, async () => {
  const full = openSync("/dev/full", "w");
  const child = start(["query", "SELECT count", "--from", instance.url], {}, full);
  closeSync(full);
  let said = "";
  must(child.stderr).on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  assert.equal(await exitOf(child), 2);
  assert.match(said, /^epsilon: the answer cannot be written: .*\(disk_full\)\n$/);
});
