/** Names of collections and sources, durations and sizes: what is taken, and what is not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatDuration, parseDuration } from "./duration.ts";
import { isOwnCollection, parseCollectionName, parseSourceName } from "./names.ts";
import { parseSize } from "./size.ts";

test("collection names are taken up to 64 characters", () => {
  for (const name of ["a", "0", "page_views", "a.b-c_d", "epsilon.dashboards", "a".repeat(64)]) {
    assert.equal(parseCollectionName(name), name);
  }
  const refused = [
    "",
    "a".repeat(65),
    "A",
    "_a",
    ".a",
    "-a",
    "../x",
    'a"b',
    "a/b",
    "a b",
    "é",
    "a\n",
    "a\u0000",
  ];
  for (const name of refused) {
    assert.throws(() => parseCollectionName(name), { code: "bad_collection" }, JSON.stringify(name));
  }
});

test("our own collections begin with epsilon and a dot", () => {
  assert.equal(isOwnCollection("epsilon.dashboards"), true);
  assert.equal(isOwnCollection("epsilon"), false);
  assert.equal(isOwnCollection("epsilonx.a"), false);
});

test("source names are taken up to 200 characters", () => {
  for (const name of ["web-1/access.log", "a", "HOST:8080@x/_y", "a".repeat(200)]) {
    assert.equal(parseSourceName(name), name);
  }
  for (const name of ["", "a".repeat(201), "a b", "a;b", "é", "a\n", "a?b"]) {
    assert.throws(() => parseSourceName(name), { code: "bad_source" }, JSON.stringify(name));
  }
});

test("durations are read in each unit", () => {
  const expected = {
    "90d": 7_776_000_000,
    "1h": 3_600_000,
    "15m": 900_000,
    "30s": 30_000,
    "500ms": 500,
    "1w": 604_800_000,
    "0s": 0,
  };
  for (const [text, durationMs] of Object.entries(expected))
    assert.equal(parseDuration(text), durationMs, text);
});

test("what is no duration is refused", () => {
  const refused = [
    "",
    "d",
    "90",
    "90 d",
    "-1d",
    "1.5h",
    "1mo",
    "1y",
    "1H",
    "1h30m",
    "90d\n",
    "9007199254740992ms",
    "99999999999999w",
    "1__proto__",
  ];
  for (const text of refused)
    assert.throws(() => parseDuration(text), { code: "bad_request" }, JSON.stringify(text));
});

test("a formatted duration parses to itself", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.maxSafeNat(),
        fc.nat({ max: 1000 }).map((days) => days * 86_400_000),
      ),
      (durationMs) => {
        assert.equal(parseDuration(formatDuration(durationMs)), durationMs);
      },
    ),
  );
  assert.equal(formatDuration(7_776_000_000), "90d");
  assert.equal(formatDuration(604_800_000), "1w");
  assert.throws(() => formatDuration(-1), { name: "AssertionError" });
});

test("sizes are read in each unit, in any case", () => {
  const expected = {
    "10GB": 1e10,
    "10gb": 1e10,
    "512MiB": 536_870_912,
    "1kB": 1000,
    "1KiB": 1024,
    "1.5GB": 1.5e9,
    "4096": 4096,
    "1 TB": 1e12,
    "2TiB": 2_199_023_255_552,
    "7B": 7,
    "0": 0,
  };
  for (const [text, sizeBytes] of Object.entries(expected)) assert.equal(parseSize(text), sizeBytes, text);
});

test("what is no size is refused", () => {
  const refused = [
    "",
    "GB",
    "-1GB",
    "10G",
    "1e3",
    "1,5GB",
    "10GBs",
    "1.5",
    "0.3kiB",
    "9007199254740992",
    "9999999TB",
    " 1GB",
    "1GB\n",
  ];
  for (const text of refused)
    assert.throws(() => parseSize(text), { code: "bad_request" }, JSON.stringify(text));
});
