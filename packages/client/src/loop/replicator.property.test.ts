/** Whatever happens to instances and to answers, in the end each has every event once, in order, and cursors agree. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimEnv } from "@epsilon/env/testing";
import { formatCursor, must } from "@epsilon/model";
import fc from "fast-check";
import { ArraySource, type Checkpoint, FakeInstance, type Fate, lineOf, until } from "./loop.fixture.ts";
import { Replicator } from "./replicator.ts";
import { sharedReads } from "./shared-reads.ts";

const anyFate: fc.Arbitrary<Fate> = fc.oneof(
  fc.constant({ kind: "lose" as const }),
  fc.record({ kind: fc.constant("hang" as const), ms: fc.constantFrom(1, 29_000, 31_000, 60_000) }),
  fc.constantFrom(
    { kind: "refuse" as const, status: 429, code: "overloaded", retryAfter: 3 },
    { kind: "refuse" as const, status: 500, code: "internal" },
    { kind: "refuse" as const, status: 507, code: "disk_full" },
    { kind: "refuse" as const, status: 401, code: "unauthorized" },
    { kind: "refuse" as const, status: 502, code: "" },
  ),
);

const which = fc.nat(2);
const anyAction = fc.oneof(
  fc.record({
    kind: fc.constant("append" as const),
    chunks: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 6 }),
  }),
  fc.record({ kind: fc.constant("fates" as const), which, fates: fc.array(anyFate, { maxLength: 4 }) }),
  fc.record({ kind: fc.constant("cut" as const), which }),
  fc.record({ kind: fc.constant("heal" as const), which }),
  fc.record({ kind: fc.constant("restart" as const), which }),
  fc.record({ kind: fc.constant("empty" as const), which }),
  fc.record({ kind: fc.constant("copy" as const), which }),
  fc.record({ kind: fc.constant("setBack" as const), which }),
  fc.record({ kind: fc.constant("limits" as const), which, bytesMax: fc.integer({ min: 120, max: 1000 }) }),
  fc.record({ kind: fc.constant("stop" as const), which }),
  fc.constant({ kind: "renew" as const }),
);
const anySchedule = fc.array(fc.tuple(anyAction, fc.constantFrom(0, 1, 2, 50, 500, 12_000, 45_000)), {
  maxLength: 25,
});

test("in the end each instance has every event once, in order, and cursors agree", async () => {
  await fc.assert(
    fc.asyncProperty(
      anySchedule,
      fc.integer(),
      fc.boolean(),
      fc.boolean(),
      async (schedule, seed, isShared, isFresh) => {
        const env = createSimEnv(seed);
        const events = new ArraySource();
        const source = isShared ? sharedReads(events, 200) : events;
        const told = new Map<string, Set<number>>();
        const isBad = (line: string) => (JSON.parse(line) as { n: number }).n % 5 === 0;
        const instances = ["one", "two", "three"].map((name) => new FakeInstance(env, name));
        const begin = (instance: FakeInstance) => {
          const replicator = new Replicator(env, {
            source,
            url: instance.origin,
            freshLagMin: isFresh ? 3 : 1_000_000,
            onRejected: ({ instance: url, line }) => {
              const { n } = JSON.parse(new TextDecoder().decode(line)) as { n: number };
              told.set(url, (told.get(url) ?? new Set()).add(n));
            },
          });
          void replicator.start();
          return replicator;
        };
        for (const instance of instances) instance.rejects = isBad;
        const loops = instances.map(begin);
        const copies = new Map<number, Checkpoint>();
        let wasStopped = false;
        let wasCut = false;
        for (const [action, pauseMs] of schedule) {
          const at = "which" in action ? action.which : 0;
          const instance = must(instances[at]);
          if (action.kind === "append") for (const count of action.chunks) events.append(count);
          else if (action.kind === "fates") instance.fates.push(...action.fates);
          else if (action.kind === "cut") env.network.partition(instance.origin);
          else if (action.kind === "heal") env.network.heal(instance.origin);
          else if (action.kind === "restart") instance.restart();
          else if (action.kind === "empty") instance.restart({ lines: [], streams: new Map() });
          else if (action.kind === "copy") copies.set(at, instance.checkpoint());
          else if (action.kind === "setBack") instance.restart(copies.get(at));
          else if (action.kind === "limits") {
            wasCut = true;
            instance.bytesMax = action.bytesMax;
          } else if (action.kind === "renew") events.renew();
          else if (action.kind === "stop") {
            wasStopped = true;
            await must(loops[at]).stop();
            loops[at] = begin(instance);
          }
          await env.advance(pauseMs);
        }
        for (const instance of instances) {
          env.network.heal(instance.origin);
          instance.fates = [];
        }
        const end = events.append(3);
        await until(env, () =>
          instances.every(({ incarnation }, i) => {
            const state = must(loops[i]).state;
            return state.phase === "idle" && state.lag === 0 && state.incarnation === incarnation;
          }),
        );
        // A request that hung may be carried out late; nothing comes of it.
        await env.advance(61_000);
        await Promise.all(loops.map((loop) => loop.stop()));
        const all = Array.from({ length: events.total }, (_, n) => lineOf(n));
        for (const instance of instances) {
          // Pieces of a chunk go before its cursor, and thus before older events if the instance was just emptied; so does
          // what is fresh.
          assert.deepEqual(
            wasCut || isFresh ? [...instance.lines].sort() : instance.lines,
            all.filter((line) => !isBad(line)),
          );
          assert.equal(instance.cursor(end.stream), formatCursor(end));
          assert.deepEqual(instance.gaps(end.stream), []);
          // A loop that is stopped does not hear what was rejected of the request that it aborts.
          if (!wasStopped)
            assert.deepEqual(
              [...(told.get(instance.origin) ?? [])].sort((a, b) => a - b),
              all.map((_, n) => n).filter((n) => n % 5 === 0),
            );
        }
        await env.advance(0);
        assert.equal(events.open, 0);
      },
    ),
    { numRuns: 150 },
  );
});
