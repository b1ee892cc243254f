/** A part of a spool: what is read again is what was written, and a cursor of another life is noticed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv, type SimEnv } from "@epsilon/env/testing";
import { type Cursor, EpsilonError } from "@epsilon/model";
import fc from "fast-check";
import type { ResumePoint } from "../sources/source.ts";
import { openPart, type SpoolPart } from "./part.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function open(sim: SimEnv, fileBytesMax = 400): Promise<SpoolPart> {
  const env = sim.boot();
  await env.files.makeDirectory("/spool/views/a");
  return openPart(env, { directory: "/spool/views/a", source: "host/x", collection: "views", fileBytesMax });
}

/** `events` lines that nobody else has. */
function chunkOf(number: number, events: number): Uint8Array {
  return encoder.encode(
    Array.from({ length: events }, (_, index) => `{"n":"${number}.${index}"}\n`).join(""),
  );
}

async function readAll(part: SpoolPart, from: ResumePoint) {
  const chunks = [];
  for await (const chunk of part.read(from)) chunks.push(chunk);
  return chunks;
}

const fromBeginning: ResumePoint = { after: null, gap: null };

test("chunks come back as they were appended, each following the one before", async () => {
  const part = await open(createSimEnv(1));
  const cursors = await Promise.all([1, 2, 3].map((number) => part.append(chunkOf(number, number), number)));
  const chunks = await readAll(part, fromBeginning);
  assert.deepEqual(
    chunks.map(({ cursor }) => cursor),
    cursors,
  );
  assert.deepEqual(
    chunks.map(({ after }) => after),
    [null, ...cursors.slice(0, -1)],
  );
  assert.deepEqual(
    chunks.map(({ lines }) => decoder.decode(lines)),
    [1, 2, 3].map((number) => decoder.decode(chunkOf(number, number))),
  );
  assert.deepEqual(
    cursors.map(({ position }) => position),
    [1, 3, 6],
  );
  assert.deepEqual(await part.end(), cursors[2]);
});

test("after any crash, what was acknowledged is read again with the same cursors, from any of them", async () => {
  const action = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("append" as const), events: fc.integer({ min: 1, max: 5 }) }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: "crash" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "reopen" as const }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("trim" as const),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(action, { maxLength: 40 }), async (seed, actions) => {
      const sim = createSimEnv(seed);
      let part = await open(sim);
      const written: { readonly text: string; readonly cursor: Cursor }[] = [];
      let trimmedTo = 0;
      let number = 0;
      for (const step of actions) {
        if (step.kind === "append") {
          number += 1;
          const lines = chunkOf(number, step.events);
          written.push({ text: decoder.decode(lines), cursor: await part.append(lines, step.events) });
        } else if (step.kind === "trim") {
          trimmedTo = Math.max(trimmedTo, Math.floor(part.position * step.share));
          await part.trim(trimmedTo);
        } else {
          if (step.kind === "crash") sim.crash();
          else await part.close();
          part = await open(sim);
        }
      }
      const start = await part.start();
      assert.ok(start.position <= trimmedTo, "nothing is trimmed beyond what was asked");
      const held = written.filter(({ cursor }) => start.position < cursor.position);
      const all = await readAll(part, await part.resume([]));
      assert.deepEqual(
        all.map(({ cursor, lines }) => ({ text: decoder.decode(lines), cursor })),
        held,
      );
      for (const [index, { cursor }] of held.entries()) {
        const point = await part.resume([{ ...cursor, stream: "other" }, cursor]);
        assert.deepEqual(point, { after: cursor, gap: null });
        const rest = await readAll(part, point);
        assert.deepEqual(
          rest.map((chunk) => chunk.cursor),
          held.slice(index + 1).map((chunk) => chunk.cursor),
        );
      }
      await part.close();
    }),
    { numRuns: 60 },
  );
});

test("what was trimmed is a gap for who stands before it, and for who never had any of it", async () => {
  const part = await open(createSimEnv(2), 100);
  const cursors: Cursor[] = [];
  for (let number = 0; number < 20; number += 1) cursors.push(await part.append(chunkOf(number, 1), 1));
  await part.trim(10);
  const start = await part.start();
  assert.ok(5 < start.position && start.position <= 10, `begins at ${start.position}`);
  const reason = "trimmed from the spool";
  assert.deepEqual(await part.resume([cursors[2] as Cursor]), {
    after: start,
    gap: { from: 3, to: start.position, reason },
  });
  assert.deepEqual(await part.resume([]), { after: start, gap: { from: null, to: start.position, reason } });
});

test("an instance that stands beyond the end, or elsewhere, makes it begin a new stream with all that it holds", async () => {
  for (const foreign of [
    (end: Cursor) => ({ ...end, position: end.position + 1 }),
    (end: Cursor) => ({ ...end, check: "other" }),
    // Inside of a chunk there is no place to stand.
    (end: Cursor) => ({ ...end, position: end.position - 1 }),
  ]) {
    const sim = createSimEnv(3);
    const part = await open(sim);
    await part.append(chunkOf(1, 3), 3);
    const end = await part.append(chunkOf(2, 3), 3);
    const controller = new AbortController();
    const told = part.more(end, controller.signal);
    assert.deepEqual(await part.resume([foreign(end)]), fromBeginning);
    await told;
    assert.notEqual(part.stream, end.stream);
    await assert.rejects(readAll(part, { after: end, gap: null }), { code: "cursor_mismatch" });
    const again = await readAll(part, fromBeginning);
    assert.deepEqual(
      again.map(({ cursor }) => cursor),
      [
        {
          stream: part.stream,
          position: 3,
          check: (await part.resume([again[0]?.cursor as Cursor])).after?.check,
        },
        { ...end, stream: part.stream },
      ],
    );
    // The new life outlives the process.
    const { stream } = part;
    await part.close();
    assert.equal((await open(sim)).stream, stream);
  }
});

test("a full disk refuses a chunk, and what comes later follows what was there before", async () => {
  const sim = createSimEnv(4);
  const part = await open(sim);
  const first = await part.append(chunkOf(1, 2), 2);
  sim.disk.setCapacity(sim.disk.usedBytes);
  const refused = await Promise.allSettled([part.append(chunkOf(2, 2), 2), part.append(chunkOf(3, 2), 2)]);
  for (const outcome of refused) {
    assert.equal(outcome.status, "rejected");
    assert.ok(outcome.reason instanceof EpsilonError);
    assert.equal(outcome.reason.code, "disk_full");
  }
  assert.deepEqual(await part.end(), first);
  sim.disk.setCapacity(Number.POSITIVE_INFINITY);
  const later = await part.append(chunkOf(4, 2), 2);
  assert.equal(later.position, 4);
  const chunks = await readAll(part, fromBeginning);
  assert.deepEqual(
    chunks.map(({ cursor }) => cursor),
    [first, later],
  );
});

test("more settles when something was appended, when the part closes, and rejects when it is not wanted any more", async () => {
  const part = await open(createSimEnv(5));
  const { signal } = new AbortController();
  const first = part.more(null, signal);
  const cursor = await part.append(chunkOf(1, 1), 1);
  await first;
  await part.more(null, signal);
  const unwanted = new AbortController();
  const given = part.more(cursor, unwanted.signal);
  unwanted.abort(new Error("enough"));
  await assert.rejects(given, /enough/);
  await assert.rejects(part.more(cursor, AbortSignal.abort(new Error("before"))), /before/);
  const last = part.more(cursor, signal);
  await part.close();
  await last;
  await assert.rejects(part.append(chunkOf(2, 1), 1), { code: "closed" });
});
