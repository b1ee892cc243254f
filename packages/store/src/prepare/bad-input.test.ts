/** prepare: whatever is bad is rejected alone, by its code, and loses nothing else. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { EpsilonError, type ErrorCode } from "@epsilon/model";
import fc from "fast-check";
import { codesOf, eventsOf, id, linesOf, options, run } from "./prepare.fixture.ts";
import { type Prepared, prepareInSlices } from "./prepare.ts";

describe("prepare: bad events", () => {
  const good = `{"_ts":1000000000000,"_id":"${id}"}`;
  const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
  const cases: readonly (readonly [string, ErrorCode])[] = [
    ['{"_ts":"yesterday"}', "bad_timestamp"],
    ['{"_ts":1700000000}', "bad_timestamp"],
    ['{"_ts":1700000000000000}', "bad_timestamp"],
    ['{"_ts":"2026-02-30T00:00:00Z"}', "bad_timestamp"],
    ['{"_ts":true}', "bad_timestamp"],
    ['{"_ts":{"a":1}}', "bad_timestamp"],
    [`{"_id":"${id}"}`, "missing_timestamp"],
    ['{"_key":"k"}', "missing_timestamp"],
    ['{"_ts":1e12,"_id":"abc"}', "bad_id"],
    ['{"_ts":1e12,"_id":7}', "bad_id"],
    ['{"_ts":1e12,"_key":7}', "bad_key"],
    ['{"_ts":1e12,"_key":"\\ud800"}', "bad_key"],
    [`{"_ts":1e12,"_key":"k","_id":"${id}"}`, "bad_key"],
    [`{"_ts":1e12,"_id":"${id}","_rev":-1}`, "bad_revision"],
    [`{"_ts":1e12,"_id":"${id}","_rev":1.5}`, "bad_revision"],
    [`{"_ts":1e12,"_id":"${id}","_rev":"1"}`, "bad_revision"],
    [`{"_ts":1e12,"_id":"${id}","_deleted":1}`, "bad_deleted"],
    ['{"_ts":1e12,"_deleted":true}', "bad_id"],
    ['{"_deleted":true}', "missing_timestamp"],
    ['{"a":NaN}', "bad_json"],
    ['{"a":1e400}', "bad_number"],
    ['{"a":9007199254740993}', "bad_number"],
    ['{"a":1e-400}', "bad_number"],
    ['{"a":[9007199254740993]}', "bad_number"],
    ['{"a":"\\ud800"}', "bad_string"],
    ['{"a":["\\udc00"]}', "bad_string"],
    ['{"a":"\\u0000"}', "bad_string"],
    ['{"\\ud800":1}', "bad_field_name"],
    ['{"":1}', "bad_field_name"],
    ['{"a":{"":1}}', "bad_field_name"],
    ['{"_x":1}', "reserved_field"],
    ['{"_ts":1e12,"_ts":1e12}', "duplicate_field"],
    ['{"a":1,"a":2}', "duplicate_field"],
    ['{"a.b":1,"a":{"b":2}}', "duplicate_field"],
    ['{"a":[{"b":1,"b":2}]}', "duplicate_field"],
    [`{${Array.from({ length: 501 }, (_, index) => `"f${index}":1`).join(",")}}`, "too_many_fields"],
    [`{"${"n".repeat(257)}":1}`, "field_name_too_long"],
    [`{"a":"${"x".repeat(64 * 1024 + 1)}"}`, "string_too_long"],
    [`{"a":"${"€".repeat(22_000)}"}`, "string_too_long"],
    [`{"a":[${'"abc",'.repeat(20_000)}1]}`, "string_too_long"],
    [
      `{${Array.from({ length: 20 }, (_, index) => `"f${index}":"${"x".repeat(60_000)}"`).join(",")}}`,
      "event_too_large",
    ],
    [nested(40), "too_deep"],
    ["[1]", "not_an_object"],
    ["7", "not_an_object"],
    ['"text"', "not_an_object"],
    ["null", "not_an_object"],
    ["hello", "bad_json"],
    ['{"a":1', "bad_json"],
    ['{"a":1}}', "bad_json"],
    ["{'a':1}", "bad_json"],
    ['{"a":01}', "bad_json"],
    ['{"a":"line\nbreak"}', "bad_json"],
    ['{"a":"\\x"}', "bad_json"],
    ['{"a":1,}', "bad_json"],
  ];
  for (const [bad, code] of cases) {
    it(`${code}: ${bad.slice(0, 60).replaceAll("\n", "\\n")}`, () => {
      const prepared = run(`${good}\n${bad}\n${good}`);
      const all = codesOf(prepared).map(([, each]) => each);
      assert.deepEqual(all, [code]);
      assert.ok((prepared.rejected[0]?.message.length ?? 0) > 10);
      // A bad one that is good up to its last bracket leaves a good event before it.
      assert.equal(prepared.accepted, bad === '{"a":1}}' ? 3 : 2);
      assert.equal(prepared.received, prepared.accepted + 1);
    });
  }

  it("bad_utf8, alone", () => {
    const body = Buffer.concat([
      Buffer.from(`${good}\n{"a":"`),
      Buffer.from([0xff, 0xfe]),
      Buffer.from(`"}\n${good}`),
    ]);
    const prepared = run(body);
    assert.deepEqual(codesOf(prepared), [[1, "bad_utf8"]]);
    assert.equal(prepared.accepted, 2);
  });

  it("purged: at or below the horizon, on both paths", () => {
    const body = `{"_ts":1000000000000,"_id":"${id}"}\n{"_ts":1000000000001,"_id":"${id}"}\n{"_ts":1e12,"_id":"${id}"}`;
    const prepared = run(body, { horizonMicros: 1_000_000_000_000_000n });
    assert.deepEqual(codesOf(prepared), [
      [0, "purged"],
      [2, "purged"],
    ]);
  });
});

describe("prepare: bad bodies", () => {
  for (const body of [
    "hello",
    '{"a":1',
    "\u0000",
    '[{"a":1}',
    '[{"a":1},]',
    '[{"a":1} {"a":1}]',
    "[{]",
    '[{"a":1}]x',
    "[1,,2]",
    "[",
    "[ \n",
    "\ufeff[",
    "a,b\n1,2\n3,4\n",
    "-- 1 --",
  ]) {
    it(`${JSON.stringify(body)} is no JSON at all: nothing is stored`, () => {
      assert.throws(() => run(body), { code: "bad_json" });
    });
  }

  it("bytes that are no text are no JSON at all", () => {
    for (const bytes of [[0xff, 0xfe, 0x7b], [0, 1, 255], [0x80]]) {
      assert.throws(() => run(Uint8Array.from(bytes)), { code: "bad_json" });
    }
  });

  it("an encoded body whose encoding is not named is told so", () => {
    const zstd = Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x07, 0x39, 0, 0, 0x7b, 0x7d]);
    assert.throws(() => run(gzipSync('{"a":1}')), { code: "bad_json", message: /Content-Encoding: gzip/ });
    assert.throws(() => run(zstd), { code: "bad_json", message: /Content-Encoding: zstd/ });
  });

  it("a line break within a text breaks that line only, however many quotes follow", () => {
    const prepared = run(`{"a":1}\n{"a":"half\n{"a":2}\n{"a":"x\n{"b":"y"}\n`);
    assert.deepEqual(codesOf(prepared), [
      [1, "bad_json"],
      [3, "bad_json"],
    ]);
    assert.equal(prepared.accepted, 3);
  });

  it("broken lines cost what they are long, not what is behind them", () => {
    const count = 30_000;
    for (const line of [
      "{x\n",
      "{\n",
      '{"a":\n',
      '{"a":[{\n',
      '{"a":"\n',
      '{"a":"b" "\n',
      "x ",
      '"',
      '" ',
      "}",
      "{[ ",
    ]) {
      const body = `{"a":1}\n${line.repeat(count)}\n{"a":2}`;
      // It stops after every 2 MiB that it has read, again or not; reading to the end each time would be hundreds.
      const slices = prepareInSlices(Buffer.from(body), options());
      let stops = 0;
      let step = slices.next();
      for (; step.done !== true; step = slices.next()) stops += 1;
      assert.ok(0 < step.value.rejected.length, line);
      assert.ok(stops < 50, `${JSON.stringify(line)} stops ${stops} times`);
    }
  });

  it("others are served while a broken body is read again and again", () => {
    const slices = prepareInSlices(Buffer.from(`{}\n${"{x\n".repeat(50_000)}`), options());
    let stops = 0;
    while (slices.next().done !== true) stops += 1;
    assert.ok(20 < stops, `${stops} stops`);
  });

  it("too many events", () => {
    assert.equal(run("{}".repeat(100_000)).accepted, 100_000);
    assert.throws(() => run("{}".repeat(100_001)), { code: "too_many_events" });
  });

  it("never anything but an answer or an EpsilonError, and the counts add up", () => {
    const piece = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      '"',
      ":",
      ",",
      "\n",
      " ",
      "\\",
      "a",
      "1",
      "-",
      "e",
      "true",
      "null",
      '{"a":1}',
      '{"_ts":1e12}',
      "\u0000",
      "€",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.uint8Array({ maxLength: 3 }), (pieces, tail) => {
        const body = Buffer.concat([Buffer.from(pieces.join("")), tail]);
        let prepared: Prepared;
        try {
          prepared = run(body);
        } catch (error) {
          assert.ok(error instanceof EpsilonError, String(error));
          return;
        }
        assert.equal(prepared.received, prepared.accepted + prepared.rejected.length);
        assert.equal(linesOf(prepared).length, prepared.accepted);
        if (prepared.indexes !== null) assert.equal(prepared.indexes.length, prepared.accepted);
        for (const event of eventsOf(prepared)) assert.ok(event.id.length === 36);
      }),
      { numRuns: 3000 },
    );
  });
});
