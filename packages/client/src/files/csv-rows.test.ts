/** CSV whatever its cells hold: it reads back, and what is broken costs its own row only. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv } from "@epsilon/env/testing";
import fc from "fast-check";
import { parseRows } from "./csv-rows.ts";
import type { ImportOptions } from "./import-options.ts";
import { readFileEvents } from "./read-file-events.ts";
import { splitCsv } from "./records.ts";

const ts = "2026-01-31T12:00:00Z";

async function read(
  text: string,
  options: ImportOptions,
): Promise<{ events: Record<string, unknown>[]; rejected: number }> {
  async function* bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    yield new TextEncoder().encode(text);
  }
  const events: Record<string, unknown>[] = [];
  let rejected = 0;
  const input = { name: "x.csv", bytes: bytes(), isRereadable: true };
  for await (const stretch of readFileEvents(createSimEnv(1), input, options)) {
    for (const { json } of stretch.events) events.push(JSON.parse(json) as Record<string, unknown>);
    rejected += stretch.rejected.length;
  }
  return { events, rejected };
}

const cell = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 8 }),
  fc.stringMatching(/^[",;\r\n x]{0,5}$/),
  fc.constantFrom("01", "1", "true", '"', '""', ",", "\n"),
);

test("any cells, written as RFC 4180 has it, read back as they were", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 8 }),
      fc.constantFrom(",", ";", "\t"),
      fc.constantFrom("\n", "\r\n"),
      fc.boolean(),
      async (rows, delimiter, lineEnd, always) => {
        const write = (text: string) =>
          always || /["\r\n]/.test(text) || text.includes(delimiter)
            ? `"${text.replaceAll('"', '""')}"`
            : text;
        const lines = [["_ts", "a", "b"], ...rows.map((row) => [ts, ...row])];
        const text = lines.map((cells) => cells.map(write).join(delimiter) + lineEnd).join("");
        const { events, rejected } = await read(text, { delimiter, text: ["a", "b"] });
        assert.equal(rejected, 0);
        assert.deepEqual(
          events.map(({ a, b }) => [a ?? "", b ?? ""]),
          rows,
        );
      },
    ),
    { numRuns: 500 },
  );
});

test("whatever stands in the file, every row is an event or is rejected, and good rows stay good", async () => {
  const piece = fc.constantFrom("a", ",", '"', '""', " ", "1", "\n", '"x"', '"x,y"', '"x"y');
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => {
      const text = `_ts,a\n${ts},first\n${pieces.join("")}\n${ts},last\n`;
      const split = splitCsv(0x2c);
      const bytes = new TextEncoder().encode(text);
      const parts = [split.push(bytes), split.end()];
      const rows = parts.reduce((sum, { records, bad }) => sum + records.length + bad.length, 0);
      const { events, rejected } = await read(text, {});
      assert.equal(events.length + rejected, rows - 1);
      assert.equal(events[0]?.["a"], "first");
      // A quote that is left open may reach into what follows, but never without a word.
      assert.ok(rejected > 0 || events.at(-1)?.["a"] === "last");
    }),
    { numRuns: 1000 },
  );
});

test("a row that is not CSV is null, and its neighbours are read", () => {
  assert.deepEqual(parseRows(["a,b", '"a,b', '"x,y",z', 'p"q,r'], ","), [
    ["a", "b"],
    null,
    ["x,y", "z"],
    ['p"q', "r"],
  ]);
});
