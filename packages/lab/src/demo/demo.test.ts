/** The demo, with few flights: what it tells has to be true. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { temporaryDirectory } from "../bench/processes.ts";
import { runDemo } from "./demo.ts";

test("three instances end with the same, one killed and one emptied in between, and no question failed", async () => {
  await using directory = await temporaryDirectory("demo");
  const said: string[] = [];
  const result = await runDemo({ directory: directory.path, flights: 3000, say: (line) => said.push(line) });
  assert.deepEqual([result.isSame, result.flights, result.failedQueries], [true, 3000, 0], said.join("\n"));
  assert.ok(result.views > 20);
});
