/** Sources over HTTP: events and cursor together, compare-and-set, gaps, and forgetting. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { event, type Fixture, ndjson, type Reply, withServer } from "./fixture.ts";

const path = "/v1/collections/events/events";

interface Claim {
  readonly after?: string;
  readonly cursor?: string;
  readonly gap?: string;
  readonly source?: string;
}

function write(fixture: Fixture, events: readonly unknown[], claim: Claim, query = ""): Promise<Reply> {
  const { source = "web-1/access.log", after, cursor, gap } = claim;
  return fixture.post(path + query, ndjson(events), {
    "epsilon-source": source,
    ...(after === undefined ? {} : { "epsilon-after": after }),
    ...(cursor === undefined ? {} : { "epsilon-cursor": cursor }),
    ...(gap === undefined ? {} : { "epsilon-gap": gap }),
  });
}

interface Source {
  readonly source: string;
  readonly streams: readonly { stream: string; cursor: string; gaps: unknown[]; updated_at: string }[];
  readonly received: number;
}

async function sourcesOf(fixture: Fixture, query = ""): Promise<readonly Source[]> {
  return (await fixture.get(`/v1/collections/events/sources${query}`)).json["sources"] as readonly Source[];
}

test("a stream begins, goes on, and a retry adds nothing", () =>
  withServer({}, async (fixture) => {
    const first = await write(fixture, [event(1), event(2)], { cursor: "day1:2:aa" });
    assert.deepEqual([first.status, first.json["stored"], first.json["cursor"]], [200, 2, "day1:2:aa"]);
    const second = await write(fixture, [event(3)], { after: "day1:2:aa", cursor: "day1:3:bb" });
    assert.deepEqual([second.status, second.json["stored"], second.json["cursor"]], [200, 1, "day1:3:bb"]);
    const retry = await write(fixture, [event(3)], { after: "day1:2:aa", cursor: "day1:3:bb" });
    assert.deepEqual([retry.status, retry.json["stored"], retry.json["duplicates"]], [200, 0, 1]);
    assert.equal(retry.json["cursor"], "day1:3:bb");
    const [source] = await sourcesOf(fixture);
    assert.deepEqual([source?.source, source?.streams[0]?.cursor], ["web-1/access.log", "day1:3:bb"]);
    assert.match(source?.streams[0]?.updated_at ?? "", /Z$/);
  }));

test("a stream that stands elsewhere is 409 and says where it stands", () =>
  withServer({}, async (fixture) => {
    const early = await write(fixture, [event(1)], { after: "day1:5:xx", cursor: "day1:6:yy" });
    assert.deepEqual([early.status, early.code, early.json["cursor"]], [409, "cursor_mismatch", null]);
    await write(fixture, [event(1)], { cursor: "day1:1:aa" });
    for (const claim of [
      { cursor: "day1:2:bb" },
      { after: "day1:1:zz", cursor: "day1:2:bb" },
      { after: "day1:7:cc", cursor: "day1:8:dd" },
    ]) {
      const reply = await write(fixture, [event(2)], claim);
      assert.deepEqual(
        [reply.status, reply.code, reply.json["cursor"]],
        [409, "cursor_mismatch", "day1:1:aa"],
      );
    }
    const other = await write(fixture, [event(2)], { cursor: "day2:1:aa" });
    assert.equal(other.status, 200, "another stream begins by itself");
    const elsewhere = await write(fixture, [event(3)], { cursor: "day1:1:aa", source: "web-2" });
    assert.equal(elsewhere.status, 200, "another source has cursors of its own");
    assert.deepEqual((await sourcesOf(fixture)).map(({ source }) => source).sort(), [
      "web-1/access.log",
      "web-2",
    ]);
    assert.equal((await sourcesOf(fixture, "?source=web-2")).length, 1);
  }));

test("an empty body moves the cursor", () =>
  withServer({}, async (fixture) => {
    const moved = await write(fixture, [], { cursor: "s:10:aa" });
    assert.deepEqual([moved.status, moved.json["received"], moved.json["cursor"]], [200, 0, "s:10:aa"]);
    assert.equal((await sourcesOf(fixture))[0]?.streams[0]?.cursor, "s:10:aa");
  }));

test("a gap is stored with the events and stays listed", () =>
  withServer({}, async (fixture) => {
    await write(fixture, [event(1)], { cursor: "s:1:aa" });
    const gap = "1..5; the file was cut";
    const reply = await write(fixture, [event(6)], { after: "*", cursor: "s:6:ff", gap });
    assert.deepEqual([reply.status, reply.json["cursor"]], [200, "s:6:ff"]);
    const [source] = await sourcesOf(fixture);
    assert.deepEqual(source?.streams[0]?.gaps, [{ from: 1, to: 5, reason: "the file was cut" }]);
  }));

test("a durable answer has the cursor and no counts", () =>
  withServer({}, async (fixture) => {
    const reply = await write(fixture, [event(1)], { cursor: "s:1:aa" }, "?wait=durable");
    assert.deepEqual([reply.json["stored"], reply.json["cursor"]], [null, "s:1:aa"]);
  }));

test("events of a source are named, and a batch of bad ones still moves the cursor", () =>
  withServer({}, async (fixture) => {
    const reply = await write(fixture, [{ x: 1 }, { _ts: "2026-01-01T00:00:00Z", x: 2 }], {
      cursor: "s:2:aa",
    });
    assert.equal(reply.status, 200);
    assert.deepEqual(
      (reply.json["rejected"] as { code: string }[]).map(({ code }) => code),
      ["unnamed_event", "unnamed_event"],
    );
    assert.equal(reply.json["cursor"], "s:2:aa");
  }));

test("headers that make no claim are refused", () =>
  withServer({}, async (fixture) => {
    const cases: readonly [Claim, string][] = [
      [{}, "bad_cursor"],
      [{ cursor: "nonsense" }, "bad_cursor"],
      [{ cursor: "s:01:aa" }, "bad_cursor"],
      [{ cursor: "s:9007199254740992:aa" }, "bad_cursor"],
      [{ after: "s:2:aa", cursor: "s:2:bb" }, "bad_cursor"],
      [{ after: "s:3:aa", cursor: "s:2:bb" }, "bad_cursor"],
      [{ after: "t:1:aa", cursor: "s:2:bb" }, "bad_cursor"],
      [{ after: "*", cursor: "s:2:bb" }, "bad_gap"],
      [{ cursor: "s:2:bb", gap: "0..1; lost" }, "bad_gap"],
      [{ after: "*", cursor: "s:2:bb", gap: "0..3; lost" }, "bad_gap"],
      [{ after: "*", cursor: "s:2:bb", gap: "2..1; lost" }, "bad_gap"],
      [{ after: "*", cursor: "s:2:bb", gap: "0..1" }, "bad_gap"],
      [{ cursor: "s:1:aa", source: "with space" }, "bad_source"],
      [{ cursor: "s:1:aa", source: "x".repeat(201) }, "bad_source"],
    ];
    for (const [claim, code] of cases) {
      const reply = await write(fixture, [event(1)], claim);
      assert.deepEqual([reply.status, reply.code], [400, code], JSON.stringify(claim));
    }
    const stray = await fixture.post(path, event(1), { "epsilon-cursor": "s:1:aa" });
    assert.equal(stray.code, "bad_source");
    assert.deepEqual(await sourcesOf(fixture), []);
  }));

test("a source that is no more is forgotten; its events stay", () =>
  withServer({}, async (fixture) => {
    await write(fixture, [event(1)], { cursor: "s:1:aa", source: "old" });
    const sources = "/v1/collections/events/sources";
    assert.equal((await fixture.ask("DELETE", sources)).code, "bad_request");
    assert.deepEqual((await fixture.ask("DELETE", `${sources}?source=old`)).json, { forgotten: "old" });
    assert.equal((await fixture.ask("DELETE", `${sources}?source=old`)).code, "unknown_source");
    assert.deepEqual((await fixture.get(sources)).json, { sources: [], cursor: null });
    const again = await write(fixture, [event(1)], { cursor: "s:1:aa", source: "old" });
    assert.deepEqual([again.status, again.json["duplicates"]], [200, 1]);
  }));
