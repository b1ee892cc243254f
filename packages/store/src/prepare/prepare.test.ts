/** prepare: whatever the spelling, the lines are what the model says. What is bad: bad-input.test.ts. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  canonicalEvent,
  contentId,
  type Event,
  type FieldValue,
  keyToId,
  parseTimestamp,
  versionOf,
} from "@epsilon/model";
import fc from "fast-check";
import { hashOfLoadLine, parseLoadLine } from "../core/load-line.ts";
import { codesOf, eventsOf, id, linesOf, now, options, run } from "./prepare.fixture.ts";
import { prepare, prepareInSlices } from "./prepare.ts";

/** What a line must be. */
function expectedLine(event: Event): string {
  const version = versionOf(event);
  const [high, low] = [version.slice(0, 8), version.slice(8, 16)].map((half) => Number.parseInt(half, 16));
  return `${canonicalEvent(event).slice(0, -1)},"_h":${high},"_l":${low}}`;
}

const fieldName = fc.oneof(
  fc.constantFrom("a", "b", "B", "status", "path", "Zeit", "€", "a.b", "0", "😀", 'q"', "x y"),
  fc
    .string({ minLength: 1, maxLength: 8, unit: "binary" })
    .filter((name) => !name.startsWith("_") && !name.includes("\0")),
);
const text = fc.oneof(
  fc.constantFrom("", "/", "GET", 'say "hi"', "back\\slash", "tab\t", "ü€😀", "x".repeat(300), "\u007f"),
  fc.string({ maxLength: 40, unit: "binary" }).filter((value) => !value.includes("\0")),
);
const number = fc.oneof(
  fc.constantFrom(
    0,
    -0,
    1,
    -1,
    39.74,
    1e21,
    1e-7,
    0.000001,
    5e-324,
    1.7976931348623157e308,
    2 ** 53,
    123456.789,
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
);
const scalar = fc.oneof(text, number, fc.boolean());
const fieldsArbitrary = fc.dictionary(fieldName, scalar, { maxKeys: 14, noNullPrototype: true });
const times = fc.oneof(
  fc.integer({ min: 1e11, max: 4e12 }).map((ms): string | number => ms),
  fc
    .date({ min: new Date(0), max: new Date("2200-01-01"), noInvalidDate: true })
    .map((date) => date.toISOString()),
  fc.constantFrom<string | number>(
    "2026-02-28T23:59:59.123456Z",
    "1969-07-20T20:17:40Z",
    "2026-01-01T00:00:00+02:00",
    1767225600000.5,
    "9999-12-31T23:59:59.999999Z",
  ),
);
const spaces = fc.constantFrom("", " ", "  ", "\n", "\t ");

/** An object's JSON in somebody else's taste: white space, escapes, decimals; members in their order. */
function spell(members: readonly (readonly [string, unknown])[], space: string, odd: boolean): string {
  const inner = members.map(([name, value]) => {
    const text = odd && !name.startsWith("_") ? oddText(value) : numberText(value);
    return `${space}${JSON.stringify(name)}${space}:${space}${text}`;
  });
  return `{${inner.join(",")}${space}}`;
}

function numberText(value: unknown): string {
  return Object.is(value, -0) ? "-0" : JSON.stringify(value);
}

/** The same value in a spelling that JSON allows and nobody needs. */
function oddText(value: unknown): string {
  if (typeof value === "number") return value.toExponential(20).replace("e+", "E+");
  if (typeof value !== "string") return JSON.stringify(value);
  const units = Array.from({ length: value.length }, (_, index) => value.charCodeAt(index));
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("")}"`;
}

function plainEvent(ts: string | number, eventId: string, fields: Record<string, FieldValue>): Event {
  const clean = Object.entries(fields).map(([name, value]) => [name, value === 0 ? 0 : value] as const);
  return { tsMicros: parseTimestamp(ts), id: eventId, rev: 0, deleted: false, fields: new Map(clean) };
}

describe("prepare: lines", () => {
  it("are the canonical text with the version's halves, in any spelling and order", () => {
    const batch = fc.array(
      fc.tuple(times, fc.uuid(), fieldsArbitrary, spaces, fc.boolean(), fc.infiniteStream(fc.nat())),
      {
        minLength: 1,
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(batch, fc.constantFrom("\n", "", " \r\n"), fc.boolean(), (events, separator, asArray) => {
        const bodies = events.map(([ts, eventId, fields, space, odd, keys]) => {
          const members = [["_ts", ts], ["_id", eventId], ...Object.entries(fields)] as [string, unknown][];
          const order = members
            .map((member) => [keys.next().value, member] as const)
            .sort((a, b) => a[0] - b[0]);
          return spell(
            order.map(([, member]) => member),
            space,
            odd,
          );
        });
        const body = asArray ? `[${bodies.join(`,${separator}`)}]` : bodies.join(separator);
        const prepared = run(body);
        assert.deepEqual(prepared.rejected, []);
        const expected = events.map(([ts, eventId, fields]) => plainEvent(ts, eventId, fields));
        assert.deepEqual(linesOf(prepared), expected.map(expectedLine));
        for (const [index, line] of linesOf(prepared).entries()) {
          const read = parseLoadLine(line);
          assert.equal(hashOfLoadLine(read), versionOf(expected[index] as Event).slice(0, 16));
        }
        const micros = expected.map((event) => event.tsMicros).sort((a, b) => (a < b ? -1 : 1));
        assert.equal(prepared.tsMin, micros[0]);
        assert.equal(prepared.tsMax, micros.at(-1));
        assert.deepEqual(prepared.fields, masksOf(expected));
      }),
      { numRuns: 400 },
    );
  });

  it("are the same for a body that is cut into slices", () => {
    const body = Buffer.from(`${JSON.stringify({ _ts: 1e12, a: "x".repeat(50_000) })}\n`.repeat(200));
    const slices = prepareInSlices(body, options());
    let stops = 0;
    for (let step = slices.next(); ; step = slices.next()) {
      if (step.done === true) {
        assert.deepEqual(step.value, prepare(body, options()));
        break;
      }
      stops += 1;
    }
    assert.ok(stops >= 4, `${stops} stops in 10 MB`);
  });

  it("flatten objects, keep arrays as their text, leave out nulls", () => {
    const [event] = eventsOf(
      run(`{"_ts":1e12,"_id":"${id}","a":{"b":{"c":1}},"l":[3,1.0,"x",null,{"z":1,"y":[]}],"n":null,"e":{}}`),
    );
    assert.deepEqual(
      [...(event?.fields ?? [])],
      [
        ["a.b.c", 1],
        ["l", '[3,1,"x",null,{"y":[],"z":1}]'],
      ],
    );
    const [nulls] = linesOf(run(`{"_ts":1000000000000,"_id":"${id}","a":null,"b":1,"c":null}`));
    assert.match(nulls ?? "", /"_ts":1000000000000000,"b":1,"_h"/);
  });

  it("take a byte order mark, an empty body and an empty array", () => {
    assert.equal(run(`\ufeff{"_ts":1e12}`).accepted, 1);
    for (const body of ["", " \n", "[]", " [ ] \n"]) assert.equal(run(body).received, 0);
  });
});

describe("prepare: names", () => {
  it("of content: equals within a request are different events, a repeated request the same ones", () => {
    const body = [
      '{"_ts":1000000000000,"a":1}',
      '{"a":1.0,"_ts":"2001-09-09T01:46:40Z"}',
      '{"_ts":1e12,"a":1}',
    ].join("\n");
    const event = { tsMicros: 1_000_000_000_000_000n, rev: 0, fields: new Map([["a", 1]]) };
    const ids = [0, 1, 2].map((ordinal) => contentId(event, ordinal));
    assert.deepEqual(
      eventsOf(run(body)).map((each) => each.id),
      ids,
    );
    assert.deepEqual(
      eventsOf(run(body)).map((each) => each.id),
      ids,
    );
  });

  it("of _key, whatever the spelling of the key", () => {
    const [plain, escaped] = eventsOf(run('{"_ts":1e12,"_key":"A1"}{"_ts":1e12,"_key":"\\u00411"}'));
    assert.equal(plain?.id, keyToId("A1"));
    assert.equal(escaped?.id, keyToId("A1"));
  });

  it("are drawn, with the time of arrival, where there is no _ts", () => {
    const events = eventsOf(run('{"a":1}\n{"a":1}\n{"a":"\\n"}'));
    assert.equal(new Set(events.map((each) => each.id)).size, 3);
    for (const event of events) assert.equal(event.tsMicros, now);
  });

  it("are put in lower case", () => {
    assert.equal(eventsOf(run(`{"_ts":1e12,"_id":"${id.toUpperCase()}"}`))[0]?.id, id);
  });

  it("may be asked for", () => {
    const prepared = run(`{"_ts":1e12}\n{"_ts":1e12,"_key":"k"}\n{"a":1}\n{"_ts":1e12,"_id":"${id}"}`, {
      named: true,
    });
    assert.deepEqual(codesOf(prepared), [
      [0, "unnamed_event"],
      [1, "unnamed_event"],
      [2, "unnamed_event"],
    ]);
    assert.deepEqual([...(prepared.indexes ?? [])], [3]);
  });
});

describe("prepare: revisions and tombstones", () => {
  it("keep the revision, and of a tombstone its key only", () => {
    const prepared = run(
      `{"_ts":1e12,"_id":"${id}","_rev":3,"a":1}\n{"_ts":1e12,"_id":"${id}","_deleted":true,"_rev":9,"a":1}\n{"_ts":1e12,"_id":"${id}","_deleted":false}`,
    );
    const events = eventsOf(prepared);
    assert.deepEqual(
      events.map(({ rev, deleted }) => [rev, deleted]),
      [
        [3, false],
        [0, true],
        [0, false],
      ],
    );
    assert.equal(events[1]?.fields.size, 0);
    assert.equal(prepared.tombstones, 1);
  });

  it("are refused to a token that may only append, as a whole", () => {
    for (const member of ['"_rev":1', '"_deleted":true']) {
      assert.throws(() => run(`{"a":1}\n{"_ts":1e12,"_id":"${id}",${member}}`, { appendOnly: true }), {
        code: "forbidden_field",
      });
    }
  });
});

function masksOf(events: readonly Event[]): Map<string, number> {
  const masks = new Map<string, number>();
  for (const { fields } of events) {
    for (const [name, value] of fields) {
      masks.set(
        name,
        (masks.get(name) ?? 0) | (typeof value === "string" ? 1 : typeof value === "number" ? 2 : 4),
      );
    }
  }
  return masks;
}
