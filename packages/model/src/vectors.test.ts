/**
 * Every vector of docs/formats/canonical.md holds. They were computed apart from this code, and never change: a failure
 * here is a bug in the change at hand. The error table is held to its form besides.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { canonicalContent, canonicalEvent } from "./canonical.ts";
import { addDigests, digestOf, emptyDigest, formatDigest } from "./digest.ts";
import { errors, must } from "./errors.ts";
import type { Event, FieldValue } from "./event.ts";
import { sha256, utf8Bytes } from "./hash.ts";
import { contentId, keyToId } from "./identity.ts";
import { parseTimestamp } from "./timestamp.ts";
import { uuidV8 } from "./uuid.ts";
import { versionHash64, versionOf } from "./version.ts";
import { eventToJson } from "./wire.ts";

const canonicalPage = new URL("../../../docs/formats/canonical.md", import.meta.url);

type Json = Record<string, FieldValue>;

function vectors<T>(name: string): readonly T[] {
  const page = readFileSync(canonicalPage, "utf8");
  const block = new RegExp(`^\`\`\`json vectors=${name}\\n(.*?)^\`\`\``, "ms").exec(page)?.[1];
  const parsed: readonly T[] = JSON.parse(must(block, `no vectors ${name} on the page`));
  assert.ok(parsed.length > 0);
  return parsed;
}

function eventOf(json: Json): Event {
  return {
    tsMicros: parseTimestamp(String(json["_ts"])),
    id: String(json["_id"]),
    rev: Number(json["_rev"] ?? 0),
    deleted: json["_deleted"] === true,
    fields: new Map(Object.entries(json).filter(([name]) => !name.startsWith("_"))),
  };
}

test("events have the canonical text and the version that the page says", () => {
  for (const vector of vectors<{ name: string; event: Json; canonical: string; version: string }>("events")) {
    const event = eventOf(vector.event);
    assert.equal(canonicalEvent(event), vector.canonical, vector.name);
    assert.equal(versionOf(event), vector.version, vector.name);
    assert.deepEqual(JSON.parse(eventToJson(event)), vector.event, vector.name);
  }
});

test("keys have the ids that the page says", () => {
  for (const vector of vectors<{ key: string; id: string }>("keys")) {
    assert.equal(keyToId(vector.key), vector.id, vector.key);
  }
});

test("contents have the ids that the page says", () => {
  type Vector = { content: Json; ordinal: number; hashed: string; id: string };
  for (const vector of vectors<Vector>("contents")) {
    const content = eventOf(vector.content);
    assert.equal(`${canonicalContent(content)}\n${vector.ordinal}`, vector.hashed);
    assert.equal(uuidV8(sha256(utf8Bytes(vector.hashed))), vector.id);
    assert.equal(contentId(content, vector.ordinal), vector.id);
  }
});

test("sets have the digests that the page says", () => {
  for (const vector of vectors<{ versions: string[]; count: number; digest: string }>("digests")) {
    const digests = vector.versions.map((version) => digestOf(versionHash64(version)));
    const digest = digests.reduce(addDigests, emptyDigest);
    assert.equal(digest.count, vector.count);
    assert.equal(formatDigest(digest), vector.digest);
  }
});

test("statuses are HTTP errors, codes are snake_case, and meanings fit a table", () => {
  for (const [code, row] of Object.entries(errors)) {
    assert.match(code, /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
    assert.ok(row.status >= 400 && row.status <= 599, code);
    assert.match(row.meaning, /^[^|\n]{5,90}$/, code);
  }
});
