/** Conformance of stores: writing. */

import assert from "node:assert/strict";
import { parseQuery } from "@epsilon/query";
import { event, uuid } from "./fixture.ts";
import type { It } from "./suite.fixture.ts";

/** What becomes of events that are written. */
export function writing(it: It): void {
  it("what was written is there at once, and after a restart", async (fixture) => {
    const answer = await fixture.write([
      event(1, { path: "/" }),
      event(2, { path: "/a", status: 200, bot: true }),
    ]);
    assert.deepEqual([answer.received, answer.stored, answer.duplicates], [2, 2, 0]);
    const expected = [
      { _ts: "2026-01-01T00:00:01.000000Z", _id: uuid(1), path: "/" },
      { _ts: "2026-01-01T00:00:02.000000Z", _id: uuid(2), path: "/a", status: 200, bot: true },
    ];
    assert.deepEqual(await fixture.events(), expected);
    await fixture.restart();
    assert.deepEqual(await fixture.events(), expected);
  });

  it("a batch that is repeated adds nothing", async (fixture) => {
    const batch = [
      event(1),
      event(2),
      event(2),
      { _ts: "2026-01-01T00:00:03Z", x: 1 },
      { _ts: "2026-01-01T00:00:03Z", x: 1 },
    ];
    const first = await fixture.write(batch);
    assert.deepEqual([first.stored, first.duplicates], [4, 1]);
    const second = await fixture.write(batch);
    assert.deepEqual([second.stored, second.duplicates], [0, 5]);
    assert.equal((await fixture.events()).length, 4);
  });

  it("a durable write has no counts and is there for the next reader", async (fixture) => {
    const answer = await fixture.write([event(1)], { wait: "durable" });
    assert.deepEqual([answer.received, answer.stored, answer.duplicates], [1, null, null]);
    assert.equal((await fixture.events()).length, 1);
  });

  it("what was logged and not applied is applied at the next start", async (fixture) => {
    await fixture.write([event(1)]);
    await fixture.crashAfterLogging([event(2), event(1)]);
    assert.equal((await fixture.events()).length, 2);
    const again = await fixture.write([event(1), event(2), event(3)]);
    assert.deepEqual([again.stored, again.duplicates], [1, 2]);
  });

  it("the higher revision replaces the whole event, whatever comes first", async (fixture) => {
    await fixture.write([event(1, { a: 1, _rev: 2 })]);
    const older = await fixture.write([event(1, { b: 1, _rev: 1 })]);
    assert.deepEqual([older.stored, older.duplicates, older.conflicts], [0, 1, []]);
    const newer = await fixture.write([event(1, { c: "x", _rev: 3 })]);
    assert.equal(newer.stored, 1);
    assert.deepEqual(await fixture.events(), [
      { _ts: "2026-01-01T00:00:01.000000Z", _id: uuid(1), _rev: 3, c: "x" },
    ]);
  });

  it("two contents at one revision are a conflict that both orders settle alike", async (fixture) => {
    const [one, two] = [event(1, { a: "one" }), event(1, { a: "two" })];
    await fixture.write([one], { collection: "here" });
    const here = await fixture.write([two], { collection: "here" });
    await fixture.write([two], { collection: "there" });
    const there = await fixture.write([one], { collection: "there" });
    assert.deepEqual(await fixture.events("here"), await fixture.events("there"));
    assert.deepEqual(
      [here.conflicts.length, there.conflicts.length, here.conflicts[0]?.kept === there.conflicts[0]?.kept],
      [1, 1, false],
    );
    assert.equal((here.stored ?? 0) + (there.stored ?? 0), 1);
    const [listed] = await fixture.store.conflicts("here");
    assert.equal(listed?.key.id, uuid(1));
  });

  it("within one batch every event meets those before it", async (fixture) => {
    const answer = await fixture.write([
      event(1, { a: 1 }),
      event(1, { a: 1 }),
      event(1, { a: 2, _rev: 1 }),
      event(1, { a: 3 }),
      { ...event(1), _deleted: true },
      event(1, { a: 4, _rev: 9 }),
    ]);
    assert.deepEqual([answer.received, answer.stored, answer.duplicates], [6, 3, 3]);
    assert.deepEqual(await fixture.events(), []);
  });

  it("bad events are rejected alone and by index", async (fixture) => {
    const answer = await fixture.write([
      event(1),
      { _ts: 5 },
      event(2),
      { _id: uuid(9) },
      event(2, { a: 1 }),
    ]);
    assert.deepEqual(
      answer.rejected.map(({ index, code: rejected }) => [index, rejected]),
      [
        [1, "bad_timestamp"],
        [3, "missing_timestamp"],
      ],
    );
    assert.deepEqual(
      answer.conflicts.map(({ index }) => index),
      [4],
    );
    assert.equal((answer.stored ?? 0) + (answer.duplicates ?? 0) + answer.rejected.length, 5);
  });

  it("a field keeps all its types, and names that differ in case", async (fixture) => {
    const rows = [
      event(1, { status: 500, Path: "A" }),
      event(2, { status: "500", path: "b" }),
      event(3, { status: true, PATH: 1 }),
      event(4, { rowid: 7, "a.b": 1, 'x"y': "q", ünï: "ö", select: false }),
    ];
    await fixture.write(rows.slice(0, 2));
    await fixture.write(rows.slice(2));
    const found = await fixture.events();
    assert.deepEqual(
      found.map(({ status }) => status),
      [500, "500", true, undefined],
    );
    assert.deepEqual(
      found.map(({ Path, path, PATH }) => [Path, path, PATH]),
      [
        ["A", undefined, undefined],
        [undefined, "b", undefined],
        [undefined, undefined, 1],
        [undefined, undefined, undefined],
      ],
    );
    assert.deepEqual(
      { ...found[3], _ts: 0, _id: 0 },
      { _ts: 0, _id: 0, rowid: 7, "a.b": 1, 'x"y': "q", ünï: "ö", select: false },
    );
    const fields = await fixture.store.fields("events");
    assert.deepEqual(
      fields.find(({ name }) => name === "status"),
      {
        name: "status",
        types: ["string", "number", "boolean"],
        events: 3,
      },
    );
  });

  it("a thousand different fields are all kept and can be asked for", async (fixture) => {
    const rows = Array.from({ length: 1000 }, (_, index) =>
      event(index, { [`field_${index}`]: index, all: "x" }),
    );
    await fixture.write(rows);
    const found = await fixture.events();
    assert.deepEqual(
      found.map((row) => Object.keys(row).length),
      Array(1000).fill(4),
    );
    assert.equal(found[999]?.["field_999"], 999);
    const answer = await fixture.store.query("events", parseQuery("SELECT count WHERE field_998 >= 998"), {});
    assert.deepEqual(answer.summary, [{ count: 1 }]);
  });

  it("times and numbers at the edges come back as they were", async (fixture) => {
    const rows = [
      { _ts: "0001-01-01T00:00:00Z", _id: uuid(1), n: 5e-324 },
      { _ts: "1969-12-31T23:59:59.999999Z", _id: uuid(2), n: 1.7976931348623157e308 },
      { _ts: "9999-12-31T23:59:59.999999Z", _id: uuid(3), n: 9007199254740991 },
      { _ts: 1e14, _id: uuid(4), n: 0.1 },
    ];
    await fixture.write(rows);
    const found = await fixture.events();
    assert.deepEqual(
      found.map(({ _ts }) => _ts),
      [
        "0001-01-01T00:00:00.000000Z",
        "1969-12-31T23:59:59.999999Z",
        "5138-11-16T09:46:40.000000Z",
        "9999-12-31T23:59:59.999999Z",
      ],
    );
    assert.deepEqual(
      found.map(({ n }) => n),
      [5e-324, 1.7976931348623157e308, 0.1, 9007199254740991],
    );
  });
}
