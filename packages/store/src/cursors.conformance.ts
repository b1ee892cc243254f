/** Conformance of stores: sources and their cursors. */

import assert from "node:assert/strict";
import type { EpsilonError } from "@epsilon/model";
import { event, type WriteOptions } from "./fixture.ts";
import { code, type It } from "./suite.fixture.ts";

function claim(cursor: string, after: string | null = null, source = "web"): WriteOptions {
  return { claim: { source, after, cursor } };
}

/** Cursors move with their events, by compare-and-set. */
export function cursors(it: It): void {
  it("a source's cursor moves with its events", async (fixture) => {
    const first = await fixture.write([event(1)], claim("s:1:a"));
    assert.equal(first.cursor, "s:1:a");
    await fixture.write([event(2), event(3)], claim("s:3:b", "s:1:a"));
    await fixture.write([], claim("s:4:c", "s:3:b"));
    const [source] = await fixture.store.sources("events");
    assert.deepEqual(
      [source?.source, source?.received, source?.stored, source?.streams.map(({ cursor }) => cursor)],
      ["web", 3, 3, ["s:4:c"]],
    );
    await fixture.restart();
    assert.equal(await code(fixture.write([event(4)], claim("s:5:d", "s:3:b"))), "cursor_mismatch");
    await fixture.write([event(4)], claim("s:5:d", "s:4:c"));
  });

  it("a retry of what is stored stores nothing twice", async (fixture) => {
    await fixture.write([event(1), { _ts: 1 }], claim("s:1:a"));
    const retry = await fixture.write([event(1), { _ts: 1 }], claim("s:1:a"));
    assert.deepEqual([retry.received, retry.stored, retry.duplicates, retry.rejected.length], [2, 0, 1, 1]);
    assert.equal(retry.cursor, "s:1:a");
    const [source] = await fixture.store.sources("events");
    assert.deepEqual([source?.received, source?.rejected], [2, 1]);
  });

  it("a mismatch says where the instance stands and stores nothing", async (fixture) => {
    await fixture.write([event(1)], claim("s:1:a"));
    for (const options of [claim("s:3:c", "s:2:b"), claim("s:2:b"), claim("t:2:b", "t:1:a")]) {
      await assert.rejects(fixture.write([event(9)], options), (error: EpsilonError) => {
        assert.equal(error.code, "cursor_mismatch");
        assert.equal(error.details["cursor"], options.claim?.cursor.startsWith("t") ? null : "s:1:a");
        return true;
      });
    }
    assert.equal((await fixture.events()).length, 1);
  });

  it("streams of one source stand apart", async (fixture) => {
    await fixture.write([event(1)], claim("s:5:a"));
    await fixture.write([event(2)], claim("t:1:a"));
    await fixture.write([event(3)], claim("s:6:b", "s:5:a"));
    const [source] = await fixture.store.sources("events", "web");
    assert.deepEqual(source?.streams.map(({ cursor }) => cursor).sort(), ["s:6:b", "t:1:a"]);
  });

  it("a cursor that does not lead further is refused", async (fixture) => {
    for (const options of [claim("s:1:b", "s:1:a"), claim("s:1:b", "s:2:a"), claim("t:3:b", "s:2:a")]) {
      assert.equal(await code(fixture.write([event(1)], options)), "bad_cursor");
    }
  });

  it("claims of one stream that race are taken one after another", async (fixture) => {
    const answers = await Promise.allSettled([
      fixture.write([event(1)], claim("s:1:a")),
      fixture.write([event(2)], claim("s:2:b", "s:1:a")),
      fixture.write([event(3)], claim("s:3:c", "s:2:b")),
      fixture.write([event(4)], claim("s:2:x", "s:1:a")),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      ["fulfilled", "fulfilled", "fulfilled", "rejected"],
    );
  });

  it("a lost range is listed as a gap", async (fixture) => {
    const gap = { from: null, to: 10, reason: "trimmed" };
    await fixture.write([event(1)], { claim: { source: "web", after: "*", cursor: "s:11:a", gap } });
    const [source] = await fixture.store.sources("events");
    assert.deepEqual(source?.streams[0]?.gaps, [gap]);
    await fixture.restart();
    assert.deepEqual((await fixture.store.sources("events"))[0]?.streams[0]?.gaps, [gap]);
  });

  it("with a source every event must carry its name", async (fixture) => {
    const answer = await fixture.write([event(1), { _ts: "2026-01-01T00:00:00Z" }, {}], claim("s:1:a"));
    assert.deepEqual(
      answer.rejected.map((rejection) => rejection.code),
      ["unnamed_event", "unnamed_event"],
    );
  });

  it("a cursor that was logged and not applied counts after the crash", async (fixture) => {
    await fixture.write([event(1)], claim("s:1:a"));
    await fixture.crashAfterLogging([event(2)], claim("s:2:b", "s:1:a"));
    await fixture.write([event(3)], claim("s:3:c", "s:2:b"));
    const [source] = await fixture.store.sources("events");
    assert.deepEqual([source?.stored, source?.streams[0]?.cursor], [3, "s:3:c"]);
  });
}
