/** Digests, keys and fetch over HTTP: two servers that went different ways compare as equal, then are made so. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { event, type Fixture, lines, ndjson, withServer } from "./fixture.ts";

const collection = "/v1/collections/events";

interface Part {
  readonly from: unknown;
  readonly to: unknown;
  readonly count: number;
  readonly digest: string;
}

async function digestsOf(fixture: Fixture, body: unknown): Promise<readonly (readonly Part[])[]> {
  const answer = await fixture.post(`${collection}/digest`, body);
  assert.equal(answer.status, 200, answer.text);
  return answer.json["ranges"] as readonly (readonly Part[])[];
}

test("what differs is found by digests and keys, and copied by fetch", () =>
  withServer({}, (a) =>
    withServer({}, async (b) => {
      const all = Array.from({ length: 200 }, (_, second) => event(second, { second }));
      await a.post(`${collection}/events`, ndjson(all));
      await b.post(`${collection}/events`, ndjson(all.filter((_, second) => second !== 77)));
      const [parts = []] = await digestsOf(a, { split: 4 });
      assert.equal(parts.length, 4);
      const bounds = parts.slice(1).map((part) => part.from);
      const [others = []] = await digestsOf(b, { bounds });
      const different = parts.filter((part, index) => part.digest !== others[index]?.digest);
      assert.equal(different.length, 1);
      const range = { from: different[0]?.from, to: different[0]?.to };
      const [mine, theirs] = await Promise.all(
        [a, b].map(async (one) => lines((await one.post(`${collection}/keys`, range)).text)),
      );
      const known = new Set(theirs?.map((line) => line["version"]));
      const missing = mine?.filter((line) => !known.has(line["version"])) ?? [];
      assert.equal(missing.length, 1);
      const keys = missing.map(({ _ts, _id }) => ({ _ts, _id }));
      const fetched = await a.post(`${collection}/fetch`, { keys });
      assert.equal(fetched.headers["content-type"], "application/x-ndjson; charset=utf-8");
      await b.post(`${collection}/events`, fetched.text);
      assert.deepEqual(await digestsOf(a, {}), await digestsOf(b, {}));
    }),
  ));

test("requests that make no sense are refused, and an unknown collection is empty", () =>
  withServer({}, async (fixture) => {
    assert.deepEqual(await digestsOf(fixture, { split: 3 }), [
      [{ from: null, to: null, count: 0, digest: "0".repeat(64) }],
    ]);
    assert.equal((await fixture.post(`${collection}/keys`, {})).text, "");
    assert.equal((await fixture.post(`${collection}/fetch`, { keys: [] })).text, "");
    const key = { _ts: "2026-01-01T00:00:00Z", _id: "00000000-0000-4000-8000-000000000001" };
    for (const [path, body, code] of [
      ["digest", { split: 0 }, "bad_request"],
      ["digest", { split: 4, bounds: [] }, "bad_request"],
      ["digest", { ranges: {} }, "bad_request"],
      ["digest", { ranges: [{ from: key, to: { ...key, _ts: "2025-01-01T00:00:00Z" } }] }, "bad_request"],
      ["digest", { ranges: [{ from: { _ts: key._ts } }] }, "bad_id"],
      ["digest", { ranges: Array.from({ length: 10_000 }, () => ({})), split: 1000 }, "bad_request"],
      ["digest", { what: 1 }, "bad_request"],
      ["keys", { from: 7 }, "bad_request"],
      ["fetch", {}, "bad_request"],
    ] as const) {
      const answer = await fixture.post(`${collection}/${path}`, body);
      assert.deepEqual(
        [answer.status, answer.code],
        [400, code],
        `${path} ${JSON.stringify(body).slice(0, 80)}`,
      );
    }
  }));
