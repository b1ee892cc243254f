/** The samples, as `npm run sample` writes them. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("sample.js", import.meta.url));

/** Runs the command in an empty folder; answers with its exit code and the lines of the file it wrote. */
function run(context: TestContext, file: string, ...args: readonly string[]) {
  const cwd = mkdtempSync(join(tmpdir(), "epsilon-sample-"));
  context.after(() => rmSync(cwd, { recursive: true, force: true }));
  const { status, stderr } = spawnSync(process.execPath, [script, ...args], { cwd, encoding: "utf8" });
  const lines = () =>
    readFileSync(join(cwd, "data", file), "utf8")
      .trimEnd()
      .split("\n");
  return { status, stderr, lines };
}

test("flights are events with RFC 3339 times", (context) => {
  const { lines } = run(context, "flights.ndjson", "flights", "--rows", "2");
  assert.deepEqual(
    lines().map((line) => JSON.parse(line)),
    [
      { _ts: "2001-01-01T00:01:00Z", origin: "LAS", destination: "PHL", delay: 33, distance: 2176 },
      { _ts: "2001-01-01T00:01:00Z", origin: "ATL", destination: "SAV", delay: 19, distance: 215 },
    ],
  );
});

test("earthquakes are nested, named by the agency, and all there", (context) => {
  const { lines } = run(context, "earthquakes.ndjson", "earthquakes");
  const events = lines().map((line) => JSON.parse(line));
  assert.equal(events.length, 1707);
  assert.equal(new Set(events.map((event) => event._key)).size, 1707);
  const { _ts, _key, mag, location } = events[0];
  assert.deepEqual(
    { _ts, _key, mag, location },
    {
      _ts: 1517966773840,
      _key: "ci37868143",
      mag: 2,
      location: { longitude: -118.6671667, latitude: 34.4945, depth_km: 26.49 },
    },
  );
});

test("bird strikes stay the CSV that they are, cut after the rows asked for", (context) => {
  const { lines } = run(context, "birdstrikes.csv", "birdstrikes", "--rows", "2");
  assert.equal(lines().length, 3);
  assert.match(lines()[0] ?? "", /^Airport Name,.*,Flight Date,/);
});

test("an unknown sample or a bad number of rows is exit 2 with the usage", (context) => {
  for (const args of [
    ["x"],
    ["constructor"],
    [],
    ["flights", "--rows", "0"],
    ["flights", "--rows", "many"],
  ]) {
    const { status, stderr } = run(context, "", ...args);
    assert.equal(status, 2);
    assert.match(stderr, /^usage: /);
  }
});
