/** `epsilon push` as a process: files in, counts out, exit codes, variables. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { must } from "@epsilon/model";
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
} from "../fixture.ts";

let instance: Served;
after(() => instance.end("SIGTERM"));
before(async () => {
  instance = await serve(temporaryFolder());
});

const lines = '{"_ts":"2026-01-31T12:00:00Z","a":1}\n{"_ts":"2026-01-31T12:00:00Z","a":1}\n';

function push(collection: string, words: readonly string[], input?: string): Promise<Ran> {
  return epsilon(
    ["push", ...words, "--to", instance.url, "--collection", collection],
    input === undefined ? {} : { input },
  );
}

async function events(collection: string): Promise<Record<string, unknown>[]> {
  const ran = await epsilon(["export", "--from", instance.url, "--collection", collection]);
  assert.equal(ran.code, 0, ran.stderr);
  return parseLines(ran.stdout);
}

test("a file pushed again adds nothing, and neither does what was exported", async () => {
  const file = temporaryFile("a.ndjson", lines);
  const first = await push("twice", [file]);
  assert.deepEqual([first.code, first.stdout], [0, ""]);
  assert.equal(first.stderr, "pushed 2 events: 2 stored, 0 duplicates, 0 rejected\n");
  const again = await push("twice", [file]);
  assert.equal(again.stderr, "pushed 0 events: 0 stored, 0 duplicates, 0 rejected (nothing new)\n");
  const renamed = await push("twice", [temporaryFile("b.ndjson", lines)]);
  assert.match(renamed.stderr, /0 stored, 2 duplicates/);
  const exported = await epsilon(["export", "--from", instance.url, "--collection", "twice"]);
  assert.match((await push("twice", ["-"], exported.stdout)).stderr, /0 stored, 2 duplicates/);
  assert.equal((await events("twice")).length, 2);
});

test("a bank's CSV, with all its habits", async () => {
  const csv = 'Datum;Betrag;Zweck;PLZ\n31.01.2026;-1.234,50;"Miete; Januar";01234\n01.02.2026;5,00;;04109\n';
  const file = temporaryFile("bank.csv", csv);
  const flags = [
    "--ts",
    "Datum",
    "--ts-format",
    "%d.%m.%Y",
    "--timezone",
    "Europe/Berlin",
    "--delimiter",
    ";",
    "--decimal",
    ",",
  ];
  const ran = await push("bank", [
    file,
    ...flags,
    "--key",
    "*",
    "--text",
    "PLZ",
    "--set",
    "bank=x",
    "--set",
    "n=1",
  ]);
  assert.equal(ran.code, 0, ran.stderr);
  const [first, second] = await events("bank");
  assert.equal(first?.["_ts"], "2026-01-30T23:00:00.000000Z");
  const { _ts, _id, ...rest } = first ?? {};
  assert.deepEqual(rest, { Betrag: -1234.5, Zweck: "Miete; Januar", PLZ: "01234", bank: "x", n: 1 });
  assert.deepEqual([second?.["Betrag"], second?.["Zweck"]], [5, undefined]);
  const again = await push("bank", [
    file,
    ...flags,
    "--key",
    "*",
    "--text",
    "PLZ",
    "--set",
    "bank=x",
    "--set",
    "n=1",
    "--rev",
    "1",
  ]);
  assert.match(again.stderr, /2 stored/);
  assert.deepEqual(
    (await events("bank")).map((event) => event["_rev"]),
    [1, 1],
  );
});

test("rejected events have lines and reasons, from here and from the instance; the rest is stored; exit 1", async () => {
  const file = temporaryFile(
    "bad.ndjson",
    `${lines}{"_ts":12,"a":1}\nnonsense\n{"_ts":"2026-01-31T12:00:00Z","_x":1}\n`,
  );
  const ran = await push("some", [file]);
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /bad\.ndjson:3: .*\(bad_timestamp\)/);
  assert.match(ran.stderr, /bad\.ndjson:4: .*\(bad_json\)/);
  assert.match(ran.stderr, /bad\.ndjson:5: .*\(reserved_field\)/);
  assert.match(ran.stderr, /pushed 5 events: 2 stored, 0 duplicates, 3 rejected\n$/);
  const renamed = temporaryFile("worse.ndjson", readFileSync(file, "utf8"));
  const json = await push("some", [renamed, "--format", "json", "--quiet"]);
  const answer = JSON.parse(json.stdout) as {
    duplicates: number;
    rejected: number;
    first_rejected: { line: number }[];
  };
  assert.deepEqual([json.code, answer.duplicates, answer.rejected], [1, 2, 3]);
  assert.deepEqual(
    answer.first_rejected.map(({ line }) => line),
    [3, 4, 5],
  );
  const all = await push("none", ["-", "--format", "ndjson"], "nonsense\n{\n");
  assert.equal(all.code, 1);
});

test("a JSON array that is not closed is noticed: the file may be cut", async () => {
  const file = temporaryFile("cut.json", '[{"_ts":"2026-01-31T12:00:00Z","a":1},\n');
  const ran = await push("cut", [file]);
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /cut\.json:2: the file ends before its array is closed.*\(bad_json\)/);
  assert.match(ran.stderr, /1 stored, 0 duplicates, 1 rejected/);
});

test("Ctrl-C says how far it came", { skip: process.platform === "win32" }, async () => {
  const child = start(["push", "-", "--to", instance.url, "--collection", "interrupted"]);
  const said = once(must(child.stderr), "data");
  must(child.stdin).write('{"a":1}\n');
  while ((await instanceHas("interrupted")) === 0);
  child.kill("SIGINT");
  assert.match(String((await said)[0]), /^pushed \d events: .* before it was stopped; run it again/);
  assert.equal(await exitOf(child), 130);
});

async function instanceHas(collection: string): Promise<number> {
  const response = await fetch(`${instance.url}/v1/collections/${collection}/query?q=SELECT+count`);
  return response.ok ? 1 : 0;
}

test("stdin without times: a new event each time it is sent", async () => {
  for (const expected of [1, 2]) {
    assert.equal((await push("pipe", ["-"], '{"a":1}\n')).code, 0);
    assert.equal((await events("pipe")).length, expected);
  }
});

test("a pipe with a name is read as stdin is", { skip: process.platform === "win32" }, async () => {
  const pipe = join(temporaryFolder(), "pipe");
  execFileSync("mkfifo", [pipe]);
  const [ran] = await Promise.all([push("named", [pipe]), writeFile(pipe, '{"a":1}\n')]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /1 stored/);
});

test("a dry run prints what it would send, and sends nothing", async () => {
  const file = temporaryFile("a.ndjson", lines);
  const ran = await push("dry", [file, "--dry-run", "--set", "host=a"]);
  assert.equal(ran.code, 0);
  assert.match(ran.stderr, /would push 2 events/);
  const printed = parseLines(ran.stdout);
  assert.deepEqual(
    printed.map(({ host }) => host),
    ["a", "a"],
  );
  assert.ok(printed.every((event) => typeof event["_id"] === "string"));
  const missing = await epsilon(["query", "SELECT count", "--from", instance.url, "--collection", "dry"]);
  assert.match(missing.stderr, /\(unknown_collection\)/);
});

test("what cannot be done exits with 2 and says why", async () => {
  const file = temporaryFile("a.ndjson", lines);
  const timeless = temporaryFile("t.ndjson", '{"a":1}\n');
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["/no/such/file"], /\(file_not_found\)/],
    [[temporaryFolder()], /\(usage\)/],
    [[timeless], /--ts.*\(missing_timestamp\)/],
    [["-", "-"], /\(usage\)/],
    [["-", "--follow"], /\(usage\)/],
    [[file, "--follow", "--spool", "x"], /\(usage\)/],
    [[timeless, "--follow"], /--ts.*\(missing_timestamp\)/],
    [[file, "--ack", "two"], /\(usage\)/],
    [[file, "--timeout", "soon"], /\(usage\)/],
    [[file, "--rev", "-1"], /\(usage\)/],
    [[file, "--set", "x"], /\(usage\)/],
    [[file, "--ts-format", "%Q"], /\(bad_request\)/],
    [[file, "--colection", "x"], /Did you mean --collection.*\(usage\)/],
    [[], /\(usage\)/],
  ];
  const ends = await Promise.all(
    cases.map(async ([words, message]) => ({ words, message, ran: await push("bad", words) })),
  );
  for (const { words, message, ran } of ends) {
    assert.equal(ran.code, 2, words.join(" "));
    assert.match(ran.stderr, message);
    assert.equal(ran.stdout, "");
  }
  assert.equal((await push("Bad Name", [file])).code, 2);
  const dead = await epsilon(["push", file, "--to", "http://127.0.0.1:9", "--timeout", "300ms"]);
  assert.equal(dead.code, 2);
  assert.match(dead.stderr, /^trying again: no answer/);
  assert.match(dead.stderr, /\(unreachable\)/);
  const json = await epsilon(["push", "/no/such/file", "--format", "json"]);
  assert.equal((JSON.parse(json.stderr) as { error: { code: string } }).error.code, "file_not_found");
});

test("every flag is also a variable, and the command line wins", async () => {
  const file = temporaryFile("a.csv", "time,zip\n2026-01-31,01\n2026-01-31,12\n");
  const variables = {
    EPSILON_TO: instance.url,
    EPSILON_COLLECTION: "by_variable",
    EPSILON_TS: "time",
    EPSILON_TEXT: "zip",
    EPSILON_SET: "a=1\nb=x y",
    EPSILON_QUIET: "1",
    EPSILON_DRY_RUN: "false",
  };
  const ran = await epsilon(["push", file], { variables });
  assert.deepEqual([ran.code, ran.stdout, ran.stderr], [0, "", ""]);
  assert.deepEqual((await events("by_variable")).map(({ zip, a, b }) => [zip, a, b]).sort(), [
    ["01", 1, "x y"],
    ["12", 1, "x y"],
  ]);
  const wins = await epsilon(["push", file, "--collection", "by_flag"], { variables });
  assert.equal(wins.code, 0);
  assert.equal((await events("by_flag")).length, 2);
});
