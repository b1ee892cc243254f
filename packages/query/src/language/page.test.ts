/** The page about the query language: what it shows can be asked. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseQueryObject } from "../object/object.ts";
import { parseQuery } from "./parse.ts";
import { printQuery } from "./print.ts";

const page = readFileSync(new URL("../../../../docs/query-language.md", import.meta.url), "utf8");

function blocks(language: string): readonly string[] {
  return [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"))].map(
    (hit) => hit[1] ?? "",
  );
}

test("every line of the examples is a query", () => {
  const lines = blocks("sql").flatMap((block) => block.trim().split("\n"));
  assert.ok(lines.length > 20, `${lines.length} examples`);
  for (const line of lines)
    assert.deepEqual(parseQuery(printQuery(parseQuery(line))), parseQuery(line), line);
});

test("the example of a query object is one", () => {
  const objects = blocks("json");
  assert.equal(objects.length, 1);
  for (const text of objects) assert.equal(parseQueryObject(JSON.parse(text)).limit, 10);
});
