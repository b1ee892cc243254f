/** Cutting into records: the same however the bytes arrive, and with true offsets and lines. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { splitJson } from "./json-records.ts";
import { type BadRecord, recordBytesMax, type Splitter, splitCsv, splitLines } from "./records.ts";

interface Found {
  readonly text: string;
  readonly offset: number;
  readonly line: number;
}

function split(splitter: Splitter, chunks: readonly Uint8Array[]): { found: Found[]; bad: BadRecord[] } {
  const found: Found[] = [];
  const bad: BadRecord[] = [];
  const decoder = new TextDecoder();
  const take = (part: ReturnType<Splitter["end"]>): void => {
    bad.push(...part.bad);
    for (const { bytes, offset, line } of part.records)
      found.push({ text: decoder.decode(bytes), offset, line });
  };
  for (const chunk of chunks) take(splitter.push(chunk));
  take(splitter.end());
  return { found, bad };
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  const edges = [0, ...cuts, bytes.length];
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
}

test("lines, with and without a last newline, blank ones and CR LF", () => {
  const { found } = split(splitLines(), [bytesOf('{"a":1}\r\n\n  \n{"b":2}')]);
  assert.deepEqual(found, [
    { text: '{"a":1}', offset: 0, line: 1 },
    { text: '{"b":2}', offset: 13, line: 4 },
  ]);
});

test("a CSV row goes on over newlines in quotes, and a quote inside of a cell is just one", () => {
  const text = 'a,b\n"x\ny","""z"""\n5" pipe,1\n"",2\n';
  const { found, bad } = split(splitCsv(0x2c), [bytesOf(text)]);
  assert.deepEqual(bad, []);
  assert.deepEqual(
    found.map(({ text: row, line }) => [row, line]),
    [
      ["a,b", 1],
      ['"x\ny","""z"""', 2],
      ['5" pipe,1', 4],
      ['"",2', 5],
    ],
  );
});

test("a quote that is never closed costs its own line only", () => {
  const { found, bad } = split(splitCsv(0x2c), [bytesOf('a\n1\n"oops\n2\n3\n')]);
  assert.deepEqual(
    found.map(({ text }) => text),
    ["a", "1", "2", "3"],
  );
  assert.deepEqual(
    bad.map(({ line, code }) => [line, code]),
    [[3, "bad_row"]],
  );
});

test("JSON: an array, pretty-printed values, lines; brackets in texts do not count", () => {
  const values = ['{"a":"}]\\"{"}', '{\n "b": [1, {"c": "\\\\"}]\n}', "7", '"x"'];
  for (const text of [`[${values.join(",")}]`, `[ ${values.join(" ,\n")} ]\n`, values.join("\n")]) {
    const { found, bad } = split(splitJson(), [bytesOf(text)]);
    assert.deepEqual(
      found.map(({ text: value }) => value),
      values,
    );
    assert.deepEqual(bad, []);
    for (const { text: value, offset, line } of found) {
      assert.equal(text.slice(offset, offset + value.length), value);
      assert.equal(line, text.slice(0, offset).split("\n").length);
    }
  }
});

test("JSON that ends inside of a value, or has something else between values, says so", () => {
  const { found, bad } = split(splitJson(), [bytesOf('{"a":1}\n{"b":')]);
  assert.equal(found.length, 1);
  assert.deepEqual(
    bad.map(({ line, code }) => [line, code]),
    [[2, "bad_json"]],
  );
  for (const text of ['{"a":1},{"b":2}', '[{"a":1}] x', "}", ","])
    assert.throws(() => split(splitJson(), [bytesOf(text)]), { code: "bad_json" }, text);
});

test("however the bytes are cut, the records, offsets and lines are the same", () => {
  const piece = fc.constantFrom(
    "a",
    ",",
    '"',
    '""',
    "\n",
    "\r\n",
    "{",
    "}",
    "[",
    "]",
    "\\",
    ":",
    "é",
    " ",
    "1",
    '{"a":1}',
  );
  const makers: readonly (readonly [string, () => Splitter])[] = [
    ["lines", splitLines],
    ["csv", () => splitCsv(0x2c)],
    ["json", splitJson],
  ];
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 60 }).map((pieces) => bytesOf(pieces.join(""))),
      fc.array(fc.nat(200), { maxLength: 8 }),
      fc.constantFrom(...makers),
      (bytes, places, [name, make]) => {
        const outcome = (chunks: readonly Uint8Array[]): unknown => {
          try {
            return split(make(), chunks);
          } catch (error) {
            return String(error);
          }
        };
        assert.deepEqual(outcome(cutAt(bytes, places)), outcome([bytes]), name);
      },
    ),
    { numRuns: 2000 },
  );
});

test("a record too long to be an event is left out, and the next one is taken", () => {
  const long = new Uint8Array(recordBytesMax + 10).fill(0x61);
  const lines = split(splitLines(), [bytesOf("1\n"), long, bytesOf("aa\n2\n")]);
  assert.deepEqual(lines.found, [
    { text: "1", offset: 0, line: 1 },
    { text: "2", offset: 2 + long.length + 3, line: 3 },
  ]);
  assert.deepEqual(
    lines.bad.map(({ line, code }) => [line, code]),
    [[2, "event_too_large"]],
  );
  const json = split(splitJson(), [bytesOf('{"a":1}\n{"b":"'), long, bytesOf('"}\n{"c":1}')]);
  assert.deepEqual(
    json.found.map(({ text, line }) => [text, line]),
    [
      ['{"a":1}', 1],
      ['{"c":1}', 3],
    ],
  );
  assert.deepEqual(
    json.bad.map(({ line, code }) => [line, code]),
    [[2, "event_too_large"]],
  );
});
