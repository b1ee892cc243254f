/** The faults that replication must come through, each as a story of one collection. */

import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, startRelay } from "../bench/processes.ts";
import type { Fault } from "./proxy.ts";
import { isPosted, type Scenario, settingsOf, settled, whileWriting } from "./story.ts";
import { gapsOn } from "./verify.ts";
import { Writer } from "./writer.ts";

function withFault(name: string, fault: Fault, outages = 1): Scenario {
  return {
    name,
    run: async (world) => {
      const wrong: string[] = [];
      const story = await whileWriting(world, async () => {
        for (let count = 0; count < outages; count += 1) {
          const node = world.cluster.node(Math.floor(world.unit() * 3));
          world.note(`${node.name}: ${JSON.stringify(fault)} for ${world.outageMs} ms`);
          node.proxy.fault = fault;
          await sleep(world.outageMs);
          // Faults that strike at random may need somewhat longer.
          for (let more = 0; node.proxy.met === 0 && more < 200; more += 1) await sleep(50);
          if (node.proxy.met === 0) wrong.push(`${node.name}: the fault was never met`);
          node.proxy.fault = { kind: "none" };
        }
      });
      return { ...story, wrong };
    },
  };
}

const killed: readonly Scenario[] = [
  {
    name: "each instance killed and restarted in turn",
    run: (world) =>
      whileWriting(world, async () => {
        for (const node of world.cluster.nodes) {
          const downMs = Math.round(world.unit() * 300);
          world.note(`${node.name}: kill -9, down for ${downMs} ms`);
          await node.kill();
          await sleep(downMs);
          await node.start();
        }
      }),
  },
  {
    name: "all instances killed together",
    run: (world) =>
      whileWriting(world, async () => {
        world.note("all: kill -9");
        await Promise.all(world.cluster.nodes.map((node) => node.kill()));
        await sleep(300);
        await Promise.all(world.cluster.nodes.map((node) => node.start()));
      }),
  },
  {
    name: "the writer killed in every phase",
    run: async (world) => {
      const acknowledged: (readonly [number, number])[] = [];
      for (let life = 0; life < 5; life += 1) {
        const livesMs = Math.round(150 + world.unit() * 500);
        world.note(`a writer lives for ${livesMs} ms`);
        const writer = new Writer(settingsOf(world, { from: life * 100_000, pauseMs: 2 }));
        await sleep(livesMs);
        await writer.kill();
        acknowledged.push(...writer.acknowledged);
      }
      const last = new Writer(settingsOf(world, { from: 900_000, pushes: 1 }));
      await last.untilPushed();
      acknowledged.push(...last.acknowledged);
      // Events that were on the disk before their push was answered are there as well.
      await settled(world, acknowledged);
      await sleep(500);
      await last.end();
      return { acknowledged };
    },
  },
  {
    name: "the relay killed in every phase",
    run: async (world) => {
      const { cluster, collection, directory, unit } = world;
      const port = await freePort();
      const start = () => startRelay(join(directory, "relay"), cluster.urls, { port });
      let relay = await start();
      const acknowledged: (readonly [number, number])[] = [];
      let isOver = false;
      const post = async (worker: number): Promise<void> => {
        for (let count = 0; !isOver; count += 1) {
          const from = (worker * 10_000 + count) * 10;
          const lines = Array.from(
            { length: 10 },
            (_, index) => `{"_ts":"2026-01-31T12:00:00Z","n":${from + index}}`,
          );
          // Repeated until it is answered: the names follow from the content, so that it counts once.
          while (
            !(await isPosted(
              `http://127.0.0.1:${port}/v1/collections/${collection}/events`,
              lines.join("\n"),
            ))
          )
            await sleep(10);
          acknowledged.push([from, from + 10]);
        }
      };
      const workers = [0, 1, 2, 3].map((worker) => post(worker));
      for (let kill = 0; kill < 4; kill += 1) {
        const livesMs = Math.round(100 + unit() * 500);
        world.note(`the relay lives for ${livesMs} ms`);
        await sleep(livesMs);
        await relay.kill();
        relay = await start();
      }
      isOver = true;
      await Promise.all(workers);
      await settled(world, acknowledged);
      await relay.stop();
      return { acknowledged };
    },
  },
];

const setBack: readonly Scenario[] = [
  {
    name: "an instance emptied",
    run: (world) =>
      whileWriting(world, async (writer) => {
        await writer.untilAcknowledged(20);
        world.note("b: emptied");
        await world.cluster.node(1).empty();
      }),
  },
  {
    name: "an instance set back to an older copy of its folder",
    run: (world) =>
      whileWriting(world, async (writer) => {
        const node = world.cluster.node(2);
        world.note("c: a copy is made, and put back later");
        await node.keepCopy();
        await writer.untilAcknowledged(40);
        await node.setBack();
      }),
  },
  {
    name: "an instance emptied after its spool was trimmed: a gap",
    run: async (world) => {
      const writer = new Writer(
        settingsOf(world, { textBytes: 10_000, batch: 50, pauseMs: 0, pushes: 40, ack: "all" }),
      );
      await writer.untilPushed();
      const node = world.cluster.node(1);
      world.note("b: emptied after 20 MB");
      await node.empty();
      const wrong: string[] = [];
      const startMs = performance.now();
      while ((await gapsOn(node, world.collection)).length === 0) {
        if (performance.now() - startMs > 30_000) {
          wrong.push("b: no gap was recorded although the spool had been trimmed");
          break;
        }
        await sleep(100);
      }
      await writer.end();
      return { acknowledged: writer.acknowledged, incomplete: [node.name], wrong };
    },
  },
];

const configured: readonly Scenario[] = [
  {
    name: "instances added, removed, renamed and reordered",
    run: async (world) => {
      const [a = "", b = "", c = ""] = world.cluster.urls;
      const lists = [[a], [c, a], [b.replace("127.0.0.1", "localhost")], [b, c, a]];
      const acknowledged: (readonly [number, number])[] = [];
      for (const [index, urls] of lists.entries()) {
        world.note(`--to ${urls.join(",")}`);
        const isLast = index === lists.length - 1;
        // The spool gives up what all of its instances have: keep it from that with one that is never there.
        const own = isLast ? urls : [...urls, "http://127.0.0.1:9"];
        const writer = new Writer(settingsOf(world, { urls: own, from: index * 100_000, pushes: 10 }));
        await writer.untilPushed();
        acknowledged.push(...writer.acknowledged);
        if (isLast) await settled(world, acknowledged);
        await writer.end();
      }
      return { acknowledged };
    },
  },
  {
    name: "two clients with the same source name",
    run: async (world) => {
      const [one, two] = [join(world.directory, "one"), join(world.directory, "two")];
      const first = new Writer(settingsOf(world, { spool: one, pushes: 1 }));
      await first.untilPushed();
      await first.end();
      // The name is kept there; the streams are two.
      await mkdir(two);
      await cp(join(one, "spool.json"), join(two, "spool.json"));
      const writers = [
        new Writer(settingsOf(world, { spool: one, from: 100_000, pushes: 40 })),
        new Writer(settingsOf(world, { spool: two, from: 200_000, pushes: 40 })),
      ];
      await Promise.all(writers.map((writer) => writer.untilPushed()));
      const acknowledged = [first, ...writers].flatMap((writer) => writer.acknowledged);
      await settled(world, acknowledged);
      await Promise.all(writers.map((writer) => writer.end()));
      return { acknowledged };
    },
  },
  {
    name: "a spool that was copied with its machine",
    run: async (world) => {
      const spool = join(world.directory, "spool");
      const first = new Writer(settingsOf(world, { pushes: 20 }));
      await first.untilPushed();
      await first.end();
      const copy = join(world.directory, "copy");
      await cp(spool, copy, { recursive: true });
      world.note("the spool and its copy go on at once");
      const writers = [
        new Writer(settingsOf(world, { from: 100_000, pushes: 30 })),
        new Writer(settingsOf(world, { from: 200_000, pushes: 30, spool: copy })),
      ];
      await Promise.all(writers.map((writer) => writer.untilPushed()));
      const acknowledged = [first, ...writers].flatMap((writer) => writer.acknowledged);
      await settled(world, acknowledged);
      await Promise.all(writers.map((writer) => writer.end()));
      return { acknowledged };
    },
  },
  {
    name: "a client whose clock is an hour off",
    run: async (world) => {
      const shift = (hours: number): readonly string[] => [
        "--import",
        `data:text/javascript,const now=Date.now;Date.now=()=>now()+${hours * 3_600_000};`,
      ];
      const fast = new Writer(
        settingsOf(world, { spool: join(world.directory, "fast"), pushes: 30 }),
        shift(1),
      );
      const slow = new Writer(
        settingsOf(world, { spool: join(world.directory, "slow"), pushes: 30, from: 100_000 }),
        shift(-1),
      );
      await Promise.all([fast.untilPushed(), slow.untilPushed()]);
      const acknowledged = [...fast.acknowledged, ...slow.acknowledged];
      await settled(world, acknowledged);
      await Promise.all([fast.end(), slow.end()]);
      return { acknowledged };
    },
  },
];

const full: Scenario = {
  name: "a full spool: writers are told, and nothing is thrown away",
  run: async (world) => {
    const node = world.cluster.node(0);
    node.proxy.fault = { kind: "cut" };
    const writer = new Writer(
      settingsOf(world, {
        textBytes: 10_000,
        batch: 50,
        pauseMs: 0,
        pushes: 40,
        spoolBytesMax: 9_000_000,
        timeoutMs: 150,
      }),
    );
    await writer.untilPushed();
    const wrong = writer.refusals.includes("spool_full") ? [] : ["the spool never was full"];
    world.note(`${writer.refusals.length} pushes were refused`);
    await world.cluster.heal();
    await settled(world, writer.acknowledged);
    await writer.end();
    return { acknowledged: writer.acknowledged, wrong };
  },
};

const majority: Scenario = {
  name: "a majority acknowledges while one instance is away",
  run: (world) =>
    whileWriting(
      world,
      async (writer) => {
        const node = world.cluster.node(Math.floor(world.unit() * 3));
        world.note(`${node.name}: cut`);
        node.proxy.fault = { kind: "cut" };
        await writer.untilAcknowledged(40);
      },
      { ack: "majority" },
    ),
};

export const scenarios: readonly Scenario[] = [
  ...killed,
  withFault("a black hole", { kind: "black-hole" }),
  withFault("connections half open", { kind: "half-open" }),
  withFault("200 ms of delay", { kind: "delay", ms: 200 }),
  withFault("a slow line", { kind: "throttle", bytesPerSecond: 20_000 }),
  withFault("answers that are no HTTP", { kind: "garbage" }),
  withFault("answers lost after the write was done", { kind: "lose-answers", share: 0.2 }, 3),
  withFault("429", { kind: "refuse", status: 429, code: "overloaded" }),
  withFault("500", { kind: "refuse", status: 500, code: "internal" }),
  withFault("507", { kind: "refuse", status: 507, code: "disk_full" }),
  ...setBack,
  ...configured,
  full,
  majority,
];

/** The scenario of a name, or of a part of it. */
export function scenariosNamed(part: string): readonly Scenario[] {
  return scenarios.filter(({ name }) => name.includes(part));
}

export function nameOfCollection(index: number): string {
  return `faults-${String(index).padStart(2, "0")}`;
}
