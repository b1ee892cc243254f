/** The loop over a spool's part: crashes, trimming and copies of the machine lose and double nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv } from "@epsilon/env/testing";
import { type Cursor, formatCursor, must } from "@epsilon/model";
import fc from "fast-check";
import { openPart, type SpoolPart } from "../spool/part.ts";
import { type Checkpoint, FakeInstance, lineOf, until } from "./loop.fixture.ts";
import { Replicator } from "./replicator.ts";

const anyStep = fc.oneof(
  fc.record({ kind: fc.constant("append" as const), events: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ kind: fc.constant("cut" as const), which: fc.nat(1) }),
  fc.record({ kind: fc.constant("heal" as const), which: fc.nat(1) }),
  fc.record({ kind: fc.constant("copy" as const), which: fc.nat(1) }),
  fc.record({ kind: fc.constant("setBack" as const), which: fc.nat(1) }),
  fc.constant({ kind: "trim" as const }),
  fc.constant({ kind: "crash" as const }),
);

test("instances hold all that the spool acknowledged, but for what a recorded gap names", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 25 }), fc.integer(), async (steps, seed) => {
      const env = createSimEnv(seed);
      const instances = ["one", "two"].map((name) => new FakeInstance(env, name));
      const options = {
        directory: "spool/part",
        source: "test/source",
        collection: "views",
        fileBytesMax: 1000,
      };
      let spool: SpoolPart | undefined;
      let loops: Replicator[] = [];
      const begin = async () => {
        const part = await openPart(env.boot(), options);
        spool = part;
        loops = instances.map(
          ({ origin }) => new Replicator(env, { source: part, url: origin, onRejected: () => undefined }),
        );
        for (const loop of loops) void loop.start();
      };
      await begin();
      const acknowledged: { readonly line: string; readonly position: number }[] = [];
      const copies = new Map<number, Checkpoint>();
      const append = async (events: number): Promise<Cursor> => {
        const first = acknowledged.length;
        const lines = Array.from({ length: events }, (_, i) => lineOf(first + i));
        const cursor = await must(spool).append(new TextEncoder().encode(`${lines.join("\n")}\n`), events);
        for (const [i, line] of lines.entries())
          acknowledged.push({ line, position: cursor.position - events + i + 1 });
        return cursor;
      };
      for (const step of steps) {
        const at = "which" in step ? step.which : 0;
        const instance = must(instances[at]);
        if (step.kind === "append") await append(step.events);
        else if (step.kind === "cut") env.network.partition(instance.origin);
        else if (step.kind === "heal") env.network.heal(instance.origin);
        else if (step.kind === "copy") copies.set(at, instance.checkpoint());
        else if (step.kind === "setBack")
          instance.restart(copies.get(at) ?? { lines: [], streams: new Map() });
        else if (step.kind === "trim") await must(spool).trim(must(spool).position);
        else {
          await Promise.all(loops.map((loop) => loop.stop()));
          env.crash();
          await begin();
        }
        await env.advance(300);
      }
      for (const { origin } of instances) env.network.heal(origin);
      const end = await append(1);
      const reached = Promise.all(loops.map((loop) => loop.waitFor(end)));
      await until(env, () => loops.every(({ state }) => state.lag === 0 && state.phase === "idle"));
      await reached;
      await Promise.all(loops.map((loop) => loop.stop()));
      for (const instance of instances) {
        assert.equal(instance.cursor(end.stream), formatCursor(end));
        const gaps = instance.gaps(end.stream);
        const isMissing = (position: number) =>
          gaps.some(({ from, to }) => (from ?? 0) < position && position <= to);
        if (!steps.some(({ kind }) => kind === "trim")) assert.deepEqual(gaps, []);
        const held = new Set(instance.lines);
        for (const { line, position } of acknowledged)
          assert.ok(held.has(line) || isMissing(position), `${line} at ${position}`);
        assert.equal(held.size, instance.lines.length);
      }
      await must(spool).close();
    }),
    { numRuns: 60 },
  );
});
