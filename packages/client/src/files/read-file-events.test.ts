/** Files as events: formats, names, options, and what is rejected with which line. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { createSimEnv } from "@epsilon/env/testing";
import { keyToId } from "@epsilon/model";
import fc from "fast-check";
import type { ImportOptions } from "./import-options.ts";
import { fileInput, readFileEvents } from "./read-file-events.ts";

interface ReadResult {
  readonly events: Record<string, unknown>[];
  readonly lines: number[];
  readonly rejected: (readonly [line: number, code: string])[];
}

interface Given {
  readonly name?: string;
  readonly isPipe?: boolean;
  readonly chunkBytes?: number;
}

async function read(
  content: string | Uint8Array,
  options: ImportOptions = {},
  given: Given = {},
): Promise<ReadResult> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const chunkBytes = given.chunkBytes ?? bytes.length + 1;
  async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  }
  const result: ReadResult = { events: [], lines: [], rejected: [] };
  const input = { name: given.name ?? "x.ndjson", bytes: chunks(), isRereadable: given.isPipe !== true };
  for await (const stretch of readFileEvents(createSimEnv(1), input, options)) {
    for (const { json, line } of stretch.events) {
      assert.ok(!json.includes("\n"));
      result.events.push(JSON.parse(json) as Record<string, unknown>);
      result.lines.push(line);
    }
    for (const { line, code } of stretch.rejected) result.rejected.push([line, code]);
  }
  return result;
}

const csv = { name: "x.csv" };
const ts = "2026-01-31T12:00:00Z";

function without(event: Record<string, unknown> | undefined, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(event ?? {}).filter(([name]) => !names.includes(name)));
}

test("the ids of a file's events never change", async () => {
  const text = `{"_ts":"${ts}","a":1}\n{"_ts":"${ts}","a":1}\n`;
  const plain = await read(text);
  assert.deepEqual(
    plain.events.map((event) => event["_id"]),
    ["4eefe9d7-8958-8752-b530-502952bba519", "a515d1a6-de74-878c-ba39-f07b511d050c"],
  );
  const named = await read(text, { source: "web-1/a.log", set: [["host", "web-1"]] });
  assert.equal(named.events[0]?.["_id"], "df18dda7-2c44-809b-bba9-4bba9832cd4e");
});

test("equal lines are two events, the same file renamed is the same, another first line is another file", async () => {
  const text = `{"_ts":"${ts}","a":1}\n{"_ts":"${ts}","a":1}\n`;
  const ids = async (content: string, options: ImportOptions = {}, given: Given = {}) =>
    (await read(content, options, given)).events.map((event) => event["_id"]);
  const plain = await ids(text);
  assert.equal(new Set(plain).size, 2);
  assert.deepEqual(await ids(text, {}, { name: "y.jsonl" }), plain);
  assert.deepEqual(await ids(text, {}, { isPipe: true, name: "stdin" }), plain);
  const others = [
    await ids(`{"_ts":"${ts}","b":1}\n${text}`),
    await ids(text, { source: "s" }),
    await ids(text, { set: [["host", "a"]] }),
  ];
  for (const other of others) for (const id of plain) assert.ok(!other.includes(id));
  assert.deepEqual(await ids(text, { rev: 3 }), plain);
});

test("names and times that events bring stay", async () => {
  const { events } = await read(
    `{"_ts":"${ts}","_id":"0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11"}\n{"_ts":1769860800000,"_key":"k","a":null}`,
    { key: ["a"] },
  );
  assert.deepEqual(events, [
    { _ts: ts, _id: "0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11" },
    { _ts: 1769860800000, _id: keyToId("k"), a: null },
  ]);
});

test("without a time: a file says what to do, a single line is rejected, a pipe gives that of arrival", async () => {
  await assert.rejects(read('{"a":1}'), { code: "missing_timestamp", message: /--ts/ });
  await assert.rejects(read("a,b\n1,2", {}, csv), { code: "missing_timestamp", message: /"a", "b"/ });
  const mixed = await read(`{"_ts":"${ts}"}\n{"a":1}\n[1]\n{"a"\n`);
  assert.deepEqual(mixed.rejected, [
    [2, "missing_timestamp"],
    [3, "not_an_object"],
    [4, "bad_json"],
  ]);
  const piped = await read('{"a":1}\n{"a":1}\n{"a":1,"_key":"x"}\n', {}, { isPipe: true });
  assert.equal(new Set(piped.events.map((event) => event["_id"])).size, 2);
  assert.match(String(piped.events[0]?.["_ts"]), /^\d{4}-.*Z$/);
  assert.deepEqual(piped.rejected, [[3, "missing_timestamp"]]);
});

test("--ts moves a field to _ts; also out of an object, also over a _ts", async () => {
  const flat = await read('{"t":1769860800,"_ts":"never","a":1}', { ts: "t", tsFormat: "s" });
  assert.deepEqual(without(flat.events[0], "_id"), { _ts: "2026-01-31T12:00:00.000000Z", a: 1 });
  const deep = await read('{"m":{"t":"31.01.2026","b":2}}', { ts: "m.t", tsFormat: "%d.%m.%Y" });
  assert.deepEqual(without(deep.events[0], "_id"), { _ts: "2026-01-31T00:00:00.000000Z", m: { b: 2 } });
  const bad = await read('{"t":"2026-01-31"}\n{"t":"soon"}\n{"t":[1]}\n{"u":1}', { ts: "t" });
  assert.deepEqual(bad.rejected, [
    [2, "bad_timestamp"],
    [3, "bad_timestamp"],
    [4, "missing_timestamp"],
  ]);
});

test("--key, --rev, --set and --text", async () => {
  const line = `{"_ts":"${ts}","n":12345678901234567890,"o":{"p":"x"},"host":"old"}`;
  const { events } = await read(line, {
    key: ["o.p", "n"],
    rev: 2,
    set: [
      ["host", "web-1"],
      ["num", "5"],
      ["zip", "01234"],
    ],
    text: ["n"],
  });
  assert.deepEqual(events, [
    {
      _ts: ts,
      _id: keyToId('["x","12345678901234567890"]'),
      _rev: 2,
      host: "web-1",
      num: 5,
      zip: "01234",
      n: "12345678901234567890",
      o: { p: "x" },
    },
  ]);
  const none = await read(`{"_ts":"${ts}","a":1}`, { key: ["b", "c"] });
  assert.deepEqual(none.rejected, [[1, "bad_key"]]);
});

test("--key '*' counts equal rows, wherever they stand", async () => {
  const rows = ["t,a", `${ts},1`, `${ts},2`, `${ts},1`];
  const keys = async (lines: readonly string[]) =>
    (await read(lines.join("\n"), { ts: "t", key: "*" }, csv)).events.map((event) => event["_id"]);
  const all = await keys(rows);
  assert.equal(new Set(all).size, 3);
  assert.deepEqual(
    await keys([...rows.slice(0, 1), `${ts},9`, ...rows.slice(1)]).then((more) => more.slice(1)),
    all,
  );
});

test("CSV: cells, quotes, delimiters, decimals, text, empty cells", async () => {
  const { events, rejected, lines } = await read(
    'Date;"Amount";Note;ZIP;ok\r\n31.01.2026;-1.234,50;"a;""b""\nc";01234;true\r\n01.02.2026;5,00;;7;false\r\nx;1\r\n',
    {
      ts: "Date",
      tsFormat: "%d.%m.%Y",
      timezone: "Europe/Berlin",
      delimiter: ";",
      decimal: ",",
      text: ["ZIP"],
    },
    csv,
  );
  assert.deepEqual(
    events.map((event) => without(event, "_id")),
    [
      { _ts: "2026-01-30T23:00:00.000000Z", Amount: -1234.5, Note: 'a;"b"\nc', ZIP: "01234", ok: true },
      { _ts: "2026-01-31T23:00:00.000000Z", Amount: 5, ZIP: "7", ok: false },
    ],
  );
  assert.deepEqual(lines, [2, 4]);
  assert.deepEqual(rejected, [[5, "bad_row"]]);
});

test("CSV headers that cannot be are refused", async () => {
  await assert.rejects(read("a,a\n1,2", {}, csv), { code: "duplicate_field" });
  await assert.rejects(read("a,,b\n1,2,3", {}, csv), { code: "bad_field_name" });
  await assert.rejects(read("_ts,a\n", { key: ["b"] }, csv), { code: "bad_request" });
  await assert.rejects(read("_ts,a\n", { text: ["b"] }, csv), { code: "bad_request" });
  await assert.rejects(read("_ts,a\n", { ts: "b" }, csv), { code: "missing_timestamp" });
});

test("options that cannot be are refused", async () => {
  const refused: readonly ImportOptions[] = [
    { delimiter: ",," },
    { delimiter: '"' },
    { rev: -1 },
    { rev: 1.5 },
    { set: [["_ts", "1"]] },
    { set: [["", "1"]] },
    {
      set: [
        ["a", "1"],
        ["a", "2"],
      ],
    },
    { encoding: "klingon" },
    { timezone: "Nowhere" },
    { tsFormat: "%Q" },
  ];
  for (const options of refused)
    await assert.rejects(read(`{"_ts":"${ts}"}`, options), { code: "bad_request" }, JSON.stringify(options));
  await assert.rejects(read("{}", { source: "a b" }), { code: "bad_source" });
});

test("encodings: latin1, UTF-16 by its mark, a UTF-8 mark, and bytes that are none", async () => {
  const latin1 = Uint8Array.from([...`_ts,name\n${ts},J`, "\u00f6", "rg"].join(""), (character) =>
    character.charCodeAt(0),
  );
  assert.equal((await read(latin1, { encoding: "latin1" }, csv)).events[0]?.["name"], "Jörg");
  assert.deepEqual((await read(latin1, {}, csv)).rejected, [[2, "bad_utf8"]]);
  const utf16 = Buffer.from(`\ufeff_ts,name\n${ts},Jörg`, "utf16le");
  assert.equal((await read(utf16, {}, { ...csv, chunkBytes: 7 })).events[0]?.["name"], "Jörg");
  const marked = await read(`\ufeff_ts,name\n${ts},Jörg`, {}, csv);
  assert.equal(marked.events[0]?.["name"], "Jörg");
});

test("formats are told by name, by content, or as given", async () => {
  const object = `{"_ts":"${ts}","a":1}`;
  const count = async (content: string | Uint8Array, options: ImportOptions, name: string) =>
    (await read(content, options, { name })).events.length;
  assert.equal(await count(`[${object},${object}]`, {}, "x.json"), 2);
  assert.equal(await count(`${object}\n${object}`, {}, "x.json"), 2);
  assert.equal(await count(`{\n"_ts":"${ts}"\n}\n${object}`, {}, "x"), 2);
  assert.equal(await count(`_ts\ta\n${ts}\t1`, {}, "x.tsv"), 1);
  assert.equal(await count(`_ts,a\n${ts},1`, { format: "json" }, "x.csv"), 1);
  assert.equal(await count(`_ts,a\n${ts},1`, { format: "csv" }, "x"), 1);
  assert.equal(await count(gzipSync(`_ts,a\n${ts},1`), {}, "x.csv.gz"), 1);
  assert.equal(await count("", {}, "x"), 0);
  await assert.rejects(count("hello", {}, "x"), { code: "bad_request", message: /--format/ });
  await assert.rejects(count(gzipSync(object).subarray(0, 20), {}, "x.ndjson.gz"), { code: "bad_encoding" });
});

test("events are the same however the bytes arrive", async () => {
  const text = `_ts,a\n${ts},"x\ny"\n${ts},ö\n"${ts}",2\n`;
  const whole = await read(text, {}, csv);
  assert.equal(whole.events.length, 3);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 80 }), async (chunkBytes) => {
      assert.deepEqual(await read(text, {}, { ...csv, chunkBytes }), whole);
    }),
  );
});

test("any JSON object comes through with the same content", async () => {
  const value = fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.jsonValue());
  await fc.assert(
    fc.asyncProperty(
      fc.array(value, { minLength: 1, maxLength: 5 }),
      fc.constantFrom(0, 2),
      async (objects, space) => {
        const given = objects.map((object) => ({ ...object, _ts: ts }));
        const { events, rejected } = await read(
          given.map((object) => JSON.stringify(object, null, space)).join("\n"),
          {},
          { name: "x.json" },
        );
        assert.deepEqual(rejected, []);
        assert.deepEqual(
          events.map((event) => without(event, "_id")),
          JSON.parse(JSON.stringify(given)),
        );
      },
    ),
  );
});

test("a file is read through the env, and one that is not there is named", async () => {
  const env = createSimEnv(2);
  await env.files.makeDirectory("/d");
  const file = await env.files.open("/d/x.ndjson", "create");
  await file.append([new TextEncoder().encode(`{"_ts":"${ts}"}\n`)]);
  await file.close();
  let count = 0;
  for await (const { events } of readFileEvents(env, fileInput(env, "/d/x.ndjson"), {}))
    count += events.length;
  assert.equal(count, 1);
  await assert.rejects(
    async () => {
      for await (const _ of readFileEvents(env, fileInput(env, "/d/y.ndjson"), {}));
    },
    { code: "file_not_found" },
  );
});

test("what comes slowly is passed on line by line", async () => {
  let asked = 0;
  async function* slow(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let n = 0; n < 3; n++) {
      asked += 1;
      yield new TextEncoder().encode(`{"n":${n}}\n`);
    }
  }
  const input = { name: "stdin", bytes: slow(), isRereadable: false };
  for await (const { events } of readFileEvents(createSimEnv(1), input, {})) {
    assert.deepEqual([events.length, asked], [1, 1]);
    break;
  }
});

test("a delimiter at the end of every line makes no column", async () => {
  const semicolons = { ts: "t", delimiter: ";" };
  const { events, rejected } = await read(`t;a;;\n${ts};1;;\n${ts};2\n${ts};3;;x\n`, semicolons, csv);
  assert.deepEqual(
    events.map(({ a }) => a),
    [1, 2],
  );
  assert.deepEqual(rejected, [[4, "bad_row"]]);
  await assert.rejects(read(`t;;a\n${ts};1;2\n`, semicolons, csv), { code: "bad_field_name" });
});

test("columns that are not separated as expected are shown with the flag that helps", async () => {
  await assert.rejects(read(`t;a\n${ts};1\n`, { ts: "t" }, csv), /"t;a"; .*--delimiter ';'/);
  await assert.rejects(read(`t\ta\n${ts}\t1\n`, { ts: "t" }, csv), /--delimiter '\\t'/);
  await assert.rejects(read(`b,a\n${ts},1\n`, { ts: "t" }, csv), (error: Error) => {
    return !error.message.includes("--delimiter");
  });
});

test("an array that is not closed is noticed", async () => {
  const json = { name: "x.json" };
  const event = `{"_ts":"${ts}"}`;
  for (const [text, rejected] of [
    [`[${event},\n`, [[2, "bad_json"]]],
    [`[${event}`, [[1, "bad_json"]]],
    ["[", [[1, "bad_json"]]],
    [`[${event},{"a":`, [[1, "bad_json"]]],
    [`[${event}]`, []],
  ] as const)
    assert.deepEqual((await read(text, {}, json)).rejected, rejected, text);
});
