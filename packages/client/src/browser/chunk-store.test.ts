/** Both stores of chunks do the same, whatever is asked of them in whatever order. */

import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ChunkStore, lettersMax, type StoredChunk } from "./chunk-store.ts";
import { openIndexedStore } from "./indexed-store.ts";
import { createMemoryStore } from "./memory-store.ts";

const anyPart = fc.constantFrom("events/a", "events/b", "events/aa");
const anyStep = fc.oneof(
  fc.record({
    kind: fc.constant("add" as const),
    part: anyPart,
    events: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant("trim" as const), part: anyPart, position: fc.nat(30) }),
  fc.record({ kind: fc.constant("last" as const), part: anyPart, position: fc.nat(30) }),
  fc.record({
    kind: fc.constant("after" as const),
    part: anyPart,
    position: fc.nat(30),
    count: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({ kind: fc.constant("stream" as const), part: anyPart, stream: fc.string() }),
);
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

const record = (part: string) => ({ part, stream: "s", position: 0, check: "0", bytes: 0 });
let databases = 0;

async function run(store: ChunkStore, steps: readonly Step[]): Promise<readonly unknown[]> {
  const answers: unknown[] = [await store.id("first"), await store.id("second")];
  const ends = new Map<string, number>();
  for (const part of ["events/a", "events/b", "events/aa"]) await store.change(part, () => record(part));
  for (const step of steps) {
    const { part } = step;
    if (step.kind === "add") {
      const chunks: StoredChunk[] = [];
      for (const events of step.events) {
        const end = (ends.get(part) ?? 0) + events;
        ends.set(part, end);
        const lines = new TextEncoder().encode(`${end}\n`.repeat(events));
        chunks.push({ part, end, check: `c${end}`, events, bytes: end * 10, lines });
      }
      await store.add(chunks);
    } else if (step.kind === "trim") answers.push(await store.trim(part, step.position));
    else if (step.kind === "last") answers.push(await store.lastUpTo(part, step.position));
    else if (step.kind === "after") answers.push(await store.after(part, step.position, step.count));
    else
      answers.push(
        await store.change(part, (known) => ({ ...(known ?? record(part)), stream: step.stream })),
      );
  }
  const parts = [...(await store.parts())].sort((a, b) => (a.part < b.part ? -1 : 1));
  return [...answers, parts];
}

test("IndexedDB and memory answer alike", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 30 }), async (steps) => {
      const indexed = await openIndexedStore(`store ${databases++}`);
      const answers = await run(indexed, steps);
      assert.deepEqual(answers, await run(createMemoryStore(), steps));
      indexed.close();
    }),
    { numRuns: 60 },
  );
});

for (const [name, open] of [
  ["IndexedDB", () => openIndexedStore(`store ${databases++}`)],
  ["memory", async () => createMemoryStore()],
] as const) {
  test(`${name}: refused events are kept, the last ${lettersMax}`, async () => {
    const store = await open();
    for (let n = 0; n < lettersMax + 5; n += 1) await store.setAside({ n });
    const kept = await store.setAsides();
    assert.deepEqual([kept.length, kept[0], kept.at(-1)], [lettersMax, { n: 5 }, { n: lettersMax + 4 }]);
    store.close();
    await assert.rejects(store.parts(), (error) =>
      ["closed", "io_error"].includes((error as { code: string }).code),
    );
  });
}

test("of chunks that go together none is there if one cannot be written", async () => {
  const store = await openIndexedStore(`store ${databases++}`);
  const chunk = (end: number): StoredChunk => ({
    part: "events/a",
    end,
    check: "",
    events: 1,
    bytes: 1,
    lines: new Uint8Array(1),
  });
  await store.add([chunk(2)]);
  await assert.rejects(store.add([chunk(1), chunk(2)]), { code: "io_error" });
  assert.deepEqual(
    (await store.after("events/a", 0, 9)).map(({ end }) => end),
    [2],
  );
  store.close();
});
