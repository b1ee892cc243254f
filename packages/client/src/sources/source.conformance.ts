/** What every source keeps to, whatever it reads from. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv, type SimEnv } from "@epsilon/env/testing";
import type { Cursor } from "@epsilon/model";
import * as fc from "fast-check";
import type { ResumePoint, Source, SourceChunk } from "./source.ts";

/** A kind of source, and how to make one that holds an event `{"n":…}` for each number. */
export interface SourceKind {
  readonly name: string;
  make(sim: SimEnv, numbers: readonly number[]): Promise<Source>;
}

interface Kept {
  readonly chunks: readonly SourceChunk[];
  readonly lines: readonly string[];
}

/** Runs the suite on a kind of source. */
export function testSource(kind: SourceKind): void {
  const numbers = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 60 });
  const check = (what: string, run: (numbers: readonly number[], pick: number) => Promise<void>): void => {
    test(`${kind.name}: ${what}`, async () => {
      await fc.assert(fc.asyncProperty(numbers, fc.nat(), run), { numRuns: 40 });
    });
  };

  check("all of it is read, in order, each event named by time and id", async (given) => {
    const source = await kind.make(createSimEnv(1), given);
    const { lines, chunks } = await readAll(source, beginning);
    assert.deepEqual(lines.map(numberOf), given);
    for (const line of lines) {
      const event = JSON.parse(line) as Record<string, unknown>;
      assert.equal(typeof event["_ts"], "string");
      assert.match(String(event["_id"]), /^[0-9a-f-]{36}$/);
      assert.equal(event["_key"], undefined);
    }
    assert.equal(new Set(lines.map(idOf)).size, lines.length, "equal events are different ones");
    assertChained(chunks, null);
  });

  check(
    "read again from any cursor, by this process or another, it goes on with the same events",
    async (given, pick) => {
      const sim = createSimEnv(1);
      const source = await kind.make(sim, given);
      const { chunks, lines } = await readAll(source, beginning);
      if (chunks.length === 0) return;
      const at = pick % chunks.length;
      const { cursor } = must(chunks[at]);
      const before = chunks.slice(0, at + 1).reduce((sum, { events }) => sum + events, 0);
      const point = await source.resume([cursor]);
      assert.deepEqual(point, { after: cursor, gap: null });
      const rest = await readAll(source, point);
      assert.deepEqual(rest.lines, lines.slice(before));
      assertChained(rest.chunks, cursor);
    },
  );

  check("the end is behind the last chunk", async (given) => {
    const source = await kind.make(createSimEnv(1), given);
    const { chunks } = await readAll(source, beginning);
    assert.deepEqual(await source.end(), chunks.at(-1)?.cursor ?? null);
  });

  check(
    "a cursor whose check differs, or beyond the end, is of another life: all is sent in a new stream",
    async (given, pick) => {
      if (given.length === 0) return;
      const sim = createSimEnv(1);
      const source = await kind.make(sim, given);
      const { chunks, lines } = await readAll(source, beginning);
      const { cursor } = must(chunks.at(-1));
      const foreign: Cursor =
        pick % 2 === 0 ? { ...cursor, check: "other" } : { ...cursor, position: cursor.position + 1 + pick };
      const point = await source.resume([foreign]);
      assert.deepEqual(point, { after: null, gap: null });
      const again = await readAll(source, point);
      assert.deepEqual(again.lines, lines);
      for (const { cursor: at } of again.chunks) assert.notEqual(at.stream, cursor.stream);
      // In the new stream it is at home.
      const last = must(again.chunks.at(-1)).cursor;
      assert.deepEqual(await source.resume([foreign, last]), { after: last, gap: null });
    },
  );

  check("a cursor of another stream says nothing", async (given) => {
    const source = await kind.make(createSimEnv(1), given);
    const other: Cursor = { stream: "another", position: 1, check: "x" };
    assert.deepEqual(await source.resume([other]), beginning);
    const { lines } = await readAll(source, beginning);
    assert.equal(lines.length, given.length);
  });

  test(`${kind.name}: whoever reads on under another stream is told`, async () => {
    const source = await kind.make(createSimEnv(1), [1, 2, 3]);
    const { chunks } = await readAll(source, beginning);
    const { cursor } = must(chunks.at(-1));
    await source.resume([{ ...cursor, check: "other" }]);
    await assert.rejects(readAll(source, { after: cursor, gap: null }), { code: "cursor_mismatch" });
  });

  test(`${kind.name}: waiting for more ends with the signal`, async () => {
    const source = await kind.make(createSimEnv(1), [1]);
    const { chunks } = await readAll(source, beginning);
    const stop = new AbortController();
    const more = source.more(must(chunks.at(-1)).cursor, stop.signal);
    stop.abort(new Error("enough"));
    await assert.rejects(more, /enough/);
    await source.more(null, new AbortController().signal);
  });
}

const beginning: ResumePoint = { after: null, gap: null };

async function readAll(source: Source, from: ResumePoint): Promise<Kept> {
  const chunks: SourceChunk[] = [];
  const lines: string[] = [];
  for await (const chunk of source.read(from)) {
    chunks.push({ ...chunk, lines: chunk.lines.slice() });
    const text = new TextDecoder().decode(chunk.lines);
    const own = text.split("\n").slice(0, -1);
    assert.equal(own.length, chunk.events);
    lines.push(...own);
  }
  return { chunks, lines };
}

/** Each chunk follows the one before, in one stream, and cursors only grow. */
function assertChained(chunks: readonly SourceChunk[], from: Cursor | null): void {
  let at = from;
  for (const { after, cursor } of chunks) {
    assert.deepEqual(after, at);
    if (at !== null) {
      assert.equal(cursor.stream, at.stream);
      assert.ok(at.position < cursor.position);
    }
    at = cursor;
  }
}

function numberOf(line: string): number {
  return (JSON.parse(line) as { n: number }).n;
}

function idOf(line: string): string {
  return (JSON.parse(line) as { _id: string })._id;
}

function must<T>(value: T | undefined): T {
  assert.ok(value !== undefined);
  return value;
}
