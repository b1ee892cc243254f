/** Canonical form: RFC 8785's published samples, and independence from spelling and field order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { anyEvent, anyFields, anyNumber, anyText } from "./arbitraries.ts";
import {
  canonicalContent,
  canonicalEvent,
  canonicalNumber,
  canonicalString,
  canonicalValue,
  isWellFormedText,
} from "./canonical.ts";
import type { Event, FieldValue } from "./event.ts";
import { contentId, keyToId } from "./identity.ts";
import { isVersion, versionHash64, versionOf } from "./version.ts";

/** RFC 8785, appendix B: the bits of a double, and its text. */
const numberSamples: readonly (readonly [string, string])[] = [
  ["0000000000000000", "0"],
  ["8000000000000000", "0"],
  ["0000000000000001", "5e-324"],
  ["8000000000000001", "-5e-324"],
  ["7fefffffffffffff", "1.7976931348623157e+308"],
  ["ffefffffffffffff", "-1.7976931348623157e+308"],
  ["4340000000000000", "9007199254740992"],
  ["c340000000000000", "-9007199254740992"],
  ["4430000000000000", "295147905179352830000"],
  ["44b52d02c7e14af5", "9.999999999999997e+22"],
  ["44b52d02c7e14af6", "1e+23"],
  ["44b52d02c7e14af7", "1.0000000000000001e+23"],
  ["444b1ae4d6e2ef4e", "999999999999999700000"],
  ["444b1ae4d6e2ef4f", "999999999999999900000"],
  ["444b1ae4d6e2ef50", "1e+21"],
  ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
  ["3eb0c6f7a0b5ed8d", "0.000001"],
  ["41b3de4355555553", "333333333.3333332"],
  ["41b3de4355555554", "333333333.33333325"],
  ["41b3de4355555555", "333333333.3333333"],
  ["41b3de4355555556", "333333333.3333334"],
  ["41b3de4355555557", "333333333.33333343"],
  ["becbf647612f3696", "-0.0000033333333333333333"],
  ["43143ff3c1cb0959", "1424953923781206.2"],
];

function doubleOf(bits: string): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(`0x${bits}`));
  return view.getFloat64(0);
}

function eventOf(fields: ReadonlyMap<string, FieldValue>): Event {
  return { tsMicros: 0n, id: "0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11", rev: 0, deleted: false, fields };
}

test("numbers are spelled as RFC 8785's samples", () => {
  for (const [bits, text] of numberSamples) assert.equal(canonicalNumber(doubleOf(bits)), text, bits);
});

test("what is no finite number has no spelling", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    assert.throws(() => canonicalNumber(value), { code: "bad_number" });
    assert.throws(() => canonicalValue({ a: [value] }), { code: "bad_number" });
  }
});

test("RFC 8785's sample object comes out as published", () => {
  const sample = `{
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
    "literals": [null, true, false]
  }`;
  assert.equal(
    canonicalValue(JSON.parse(sample)),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
      '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

test("members sort by UTF-16 unit, as in RFC 8785's sample", () => {
  const sample = {
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One",
    "\u{1f600}": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis",
  };
  const values = canonicalValue(sample).match(/:"[^"]+"/g);
  assert.deepEqual(values, [
    ':"Carriage Return"',
    ':"One"',
    ':"Control"',
    ':"Latin Small Letter O With Diaeresis"',
    ':"Euro Sign"',
    ':"Emoji: Grinning Face"',
    ':"Hebrew Letter Dalet With Dagesh"',
  ]);
});

test("canonical text of any JSON value parses to that value, and is its own canonical text", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      if (!isWellFormedText(JSON.stringify(value))) return;
      const text = canonicalValue(value);
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
      assert.equal(canonicalValue(JSON.parse(text)), text);
    }),
  );
});

test("a lone surrogate is refused wherever it stands", () => {
  for (const text of ["\ud800", "a\udc00", "\udc00\ud800", "\ud83d\ud83d\ude00", "\n\ud800"]) {
    assert.throws(() => canonicalString(text), { code: "bad_string" }, JSON.stringify(text));
    assert.throws(() => canonicalValue({ [text]: 1 }), { code: "bad_string" });
    assert.throws(() => canonicalEvent(eventOf(new Map([["a", text]]))), { code: "bad_string" });
    assert.throws(() => keyToId(text), { code: "bad_key" });
    assert.equal(isWellFormedText(text), false);
  }
  assert.equal(canonicalString("\ud83d\ude00"), '"\ud83d\ude00"');
});

test("every UTF-16 unit is escaped where ECMAScript does, and only there", () => {
  for (let unit = 0; unit <= 0xffff; unit++) {
    if (unit >= 0xd800 && unit <= 0xdfff) continue;
    const text = String.fromCharCode(unit);
    if (canonicalString(text) !== JSON.stringify(text)) assert.fail(`U+${unit.toString(16)}`);
  }
});

test("what is no JSON value is refused", () => {
  for (const value of [undefined, 1n, () => 1, Symbol("x")]) {
    assert.throws(() => canonicalValue([value]), { code: "bad_json" });
  }
});

test("an event's canonical text is what RFC 8785 makes of its members", () => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      const own: Record<string, unknown> = { _id: event.id, _ts: "@ts" };
      if (event.deleted) own["_deleted"] = true;
      else if (event.rev !== 0) own["_rev"] = event.rev;
      // Through entries, since an assignment to "__proto__" would not make a member.
      const members = Object.fromEntries([...Object.entries(own), ...event.fields]);
      const expected = canonicalValue(members).replace('"_ts":"@ts"', `"_ts":${event.tsMicros}`);
      assert.equal(canonicalEvent(event), expected);
    }),
  );
});

/** One of the many spellings of a text in JSON: any unit may be escaped, `/` too. */
function spellText(text: string, choices: readonly number[]): string {
  const units = Array.from({ length: text.length }, (_, index) => {
    const unit = text[index] ?? "";
    const choice = choices[index % choices.length] ?? 0;
    const hex = text.charCodeAt(index).toString(16).padStart(4, "0");
    if (choice === 1) return `\\u${hex}`;
    if (choice === 2) return `\\u${hex.toUpperCase()}`;
    if (choice === 3 && unit === "/") return "\\/";
    return JSON.stringify(unit).slice(1, -1);
  });
  return `"${units.join("")}"`;
}

/** One of the many spellings of a number. */
function spellNumber(value: number, choice: number): string {
  if (choice === 1) return value.toExponential().replace("e", "E");
  if (choice === 2) return value.toPrecision(60);
  if (choice === 3 && Number.isInteger(value) && Math.abs(value) < 1e15) return `${value}.000`;
  return Object.is(value, -0) ? "-0.0" : JSON.stringify(value);
}

test("neither field order nor the spelling of numbers and texts changes text, version or content id", () => {
  const choices = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(anyFields, choices, fc.nat(), (fields, spelling, shift) => {
      const entries = [...fields];
      const turned = entries.map((_, index) => entries[(index + shift) % entries.length]);
      const members = turned.map((entry, index) => {
        const [name = "", value] = entry ?? [];
        const choice = spelling[index % spelling.length] ?? 0;
        const text =
          typeof value === "string"
            ? spellText(value, spelling)
            : typeof value === "number"
              ? spellNumber(value, choice)
              : String(value);
        return `${spellText(name, spelling)} : ${text}`;
      });
      const parsed: Record<string, FieldValue> = JSON.parse(`{ ${members.join(" ,\n")} }`);
      const plain = eventOf(fields);
      const spelled = eventOf(new Map(Object.entries(parsed)));
      assert.equal(canonicalEvent(spelled), canonicalEvent(plain));
      assert.equal(versionOf(spelled), versionOf(plain));
      assert.equal(contentId(spelled, 1), contentId(plain, 1));
    }),
  );
});

test("a change of key, revision or any field changes the version", () => {
  const event = eventOf(new Map<string, FieldValue>([["a", 1]]));
  const others: Event[] = [
    { ...event, tsMicros: 1n },
    { ...event, id: "0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a12" },
    { ...event, rev: 1 },
    { ...event, deleted: true },
    eventOf(new Map([["a", "1"]])),
    eventOf(new Map([["a", true]])),
    eventOf(new Map([["b", 1]])),
    eventOf(new Map()),
  ];
  const versions = new Set([event, ...others].map((other) => versionOf(other)));
  assert.equal(versions.size, others.length + 1);
});

test("a tombstone's version looks at its key only", () => {
  const key = { tsMicros: 5n, id: "0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11", deleted: true };
  assert.equal(
    versionOf({ ...key, rev: 7, fields: new Map([["a", 1]]) }),
    versionOf({ ...key, rev: 0, fields: new Map() }),
  );
});

test("equal content gets another id for each ordinal, and the event's id has no part in it", () => {
  const content = { tsMicros: 1n, rev: 0, fields: new Map([["a", 1]]) };
  assert.equal(new Set([0, 1, 2].map((ordinal) => contentId(content, ordinal))).size, 3);
  assert.equal(contentId({ ...eventOf(content.fields), tsMicros: 1n }, 2), contentId(content, 2));
  assert.doesNotMatch(canonicalContent(eventOf(new Map())), /_id/);
  for (const ordinal of [-1, 0.5, 2 ** 53]) {
    assert.throws(() => contentId(content, ordinal), { name: "AssertionError" });
  }
});

test("a hasher that is passed is the one that is used", () => {
  const constant = (): Uint8Array => new Uint8Array(32).fill(0xab);
  assert.equal(versionOf(eventOf(new Map()), constant), "ab".repeat(16));
  assert.equal(contentId(eventOf(new Map()), 0, constant), "abababab-abab-8bab-abab-abababababab");
});

test("a version's first 64 bits are unsigned", () => {
  assert.equal(versionHash64(`${"f".repeat(16)}${"0".repeat(16)}`), 2n ** 64n - 1n);
  assert.equal(versionHash64(`${"0".repeat(15)}1${"f".repeat(16)}`), 1n);
  for (const text of ["", "F".repeat(32), "0".repeat(31), "0".repeat(33), `${"0".repeat(31)}g`]) {
    assert.equal(isVersion(text), false);
    assert.throws(() => versionHash64(text), { name: "AssertionError" });
  }
});

test("a revision that is no integer above 0 is a bug of the caller's", () => {
  for (const rev of [-1, 0.5, 2 ** 53, Number.NaN]) {
    assert.throws(() => canonicalEvent({ ...eventOf(new Map()), rev }), { name: "AssertionError" });
  }
});

test("the canonical text of numbers and texts reads back as the same", () => {
  fc.assert(
    fc.property(anyNumber, anyText, (number, text) => {
      assert.equal(JSON.parse(canonicalNumber(number)), number === 0 ? 0 : number);
      assert.equal(JSON.parse(canonicalString(text)), text);
      assert.equal(canonicalString(text), JSON.stringify(text));
    }),
  );
});
