/** A push goes on through a killed instance: after it every event is there, once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "@epsilon/model";
import { epsilon, exitOf, serve, start, temporaryFile, temporaryFolder } from "./fixture.ts";

test("an instance is killed in the middle of a push and started again; nothing is missing, nothing twice", async () => {
  const count = 100_000;
  const data = temporaryFolder();
  const lines = Array.from({ length: count }, (_, n) => `{"_ts":${1_769_860_800_000 + n},"n":${n}}\n`);
  const file = temporaryFile("n.ndjson", lines.join(""));
  const first = await serve(data);
  const child = start(["push", file, "--to", first.url, "--format", "json"]);
  let answer = "";
  must(child.stdout).on("data", (chunk: Buffer) => {
    answer += chunk.toString();
  });
  must(child.stderr).resume();
  const ended = exitOf(child);
  // As soon as something is there; if the push was faster than that, there is still the restart.
  for (let stored = 0; stored === 0; ) {
    const response = await fetch(`${first.url}/v1/collections`);
    const { collections } = (await response.json()) as { collections: readonly { events: number }[] };
    stored = collections[0]?.events ?? 0;
  }
  assert.equal(await first.end("SIGKILL"), null);
  const second = await serve(data, ["--listen", new URL(first.url).host]);
  assert.equal(await ended, 0);
  const totals = JSON.parse(answer) as {
    received: number;
    stored: number;
    duplicates: number;
    rejected: number;
  };
  assert.equal(totals.received, count);
  assert.equal(totals.stored + totals.duplicates, count);
  const counted = await epsilon([
    "query",
    "SELECT count, count_distinct(n)",
    "--from",
    second.url,
    "--format",
    "csv",
  ]);
  assert.equal(counted.stdout, `count,count_distinct(n)\n${count},${count}\n`);
  assert.equal(await second.end("SIGTERM"), 0);
  assert.equal((await epsilon(["check", "--data", data])).code, 0);
});
