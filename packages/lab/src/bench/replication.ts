/**
 * What replication by the client costs.
 *
 *     npm run bench -- replication [--events 300000] [--rounds 3]
 *
 * The client is a process of its own and shares the cores with the instances. Each ratio is taken within a round, so that a
 * noisy minute touches both of its sides.
 */

import { fork } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createClient, createReader } from "@epsilon/client";
import { EpsilonError, must } from "@epsilon/model";
import { askCount } from "./asking.ts";
import { freePort, type RunningServer, startEpsilon, startLoad, temporaryDirectory } from "./processes.ts";
import type { ClientFigures, ClientSettings } from "./replication-client.ts";
import { median, megabytes, percentile, short, spread, table, thousands } from "./statistics.ts";

export interface ReplicationOptions {
  readonly events: number;
  readonly rounds: number;
  /** The backlog whose memory is looked at. */
  readonly backlogEvents: number;
}

const nobody = "http://127.0.0.1:9";

/** Measures, and answers with the report as Markdown. */
export async function benchReplication(options: ReplicationOptions): Promise<string> {
  const rows: string[][] = [];
  const add = (what: string, figure: string, target: string): void => {
    console.error(`${what}: ${figure}`);
    rows.push([what, figure, target]);
  };
  await using directory = await temporaryDirectory("replication");
  const instances = await Promise.all(
    ["a", "b", "c"].map((name) => startEpsilon(join(directory.path, name))),
  );
  try {
    const bench = new Bench(directory.path, instances, options);
    const { cpu, throughput, microseconds } = await bench.costs();
    add("client CPU µs an event, pushed to one instance", spread(microseconds, short), "");
    add("client CPU, three instances ÷ one", spread(cpu, short), "≤ 1.3");
    add("throughput of two, beside a third that is dead ÷ without it", spread(throughput, short), "≥ 0.95");
    const catchUp = await bench.catchUp();
    add("catch-up after an outage ÷ plain ingest of the same events", spread(catchUp.ratios, short), "≥ 0.8");
    add("an event written meanwhile is queryable after, ms (worst)", short(catchUp.freshMsMax), "≤ 1000");
    const push = await bench.majority();
    add("push to a majority ÷ second fastest of three plain writes, p50", short(push.ratio), "≤ 1.2");
    add("the same in ms", `${short(push.pushMs)} and ${short(push.plainMs)}`, "");
    const reads = await bench.reads();
    add("failed reads while one of three is killed", `${reads.failed} of ${reads.count}`, "0");
    add("p99 of reads then ÷ undisturbed", short(reads.ratio), "≤ 3");
    const memory = await bench.backlog();
    add(`client memory with a backlog of ${thousands(options.backlogEvents)}`, megabytes(memory), "≤ 200 MB");
  } finally {
    await Promise.all(instances.map((instance) => instance.kill()));
  }
  return table(["what", "measured", "target"], rows);
}

class Bench {
  readonly #directory: string;
  readonly #instances: readonly RunningServer[];
  readonly #options: ReplicationOptions;
  #names = 0;

  constructor(directory: string, instances: readonly RunningServer[], options: ReplicationOptions) {
    this.#directory = directory;
    this.#instances = instances;
    this.#options = options;
  }

  async costs(): Promise<Record<"cpu" | "throughput" | "microseconds", readonly number[]>> {
    const { events, rounds } = this.#options;
    const [a = "", b = "", c = ""] = this.#urls;
    const [cpu, throughput, microseconds]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round < rounds; round += 1) {
      const one = await this.#client({ urls: [a], events, ack: "all", isPushed: true });
      const three = await this.#client({ urls: [a, b, c], events, ack: "all", isPushed: true });
      microseconds.push((one.cpuSeconds / events) * 1e6);
      cpu.push(three.cpuSeconds / one.cpuSeconds);
      const two = await this.#client({ urls: [a, b], events, ack: "all" });
      const beside = await this.#client({ urls: [a, b, nobody], events, ack: "majority" });
      throughput.push(two.seconds / beside.seconds);
    }
    return { cpu, throughput, microseconds };
  }

  /** An instance that was down while everything was written. */
  async catchUp(): Promise<{ readonly ratios: readonly number[]; readonly freshMsMax: number }> {
    const { rounds } = this.#options;
    // Long enough to look on for a while.
    const events = 3 * this.#options.events;
    const ratios: number[] = [];
    let freshMsMax = 0;
    for (let round = 0; round < rounds; round += 1) {
      const plain = await this.#plainSeconds(events);
      const collection = this.#nextName();
      const spool = join(this.#directory, collection);
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      await this.#client({ urls: [url], events, ack: "spool", collection, spool });
      const instance = await startEpsilon(join(this.#directory, `${collection}-data`), { port });
      const client = createClient({ instances: [url], collection, spool });
      try {
        const startMs = performance.now();
        let fresh = 0;
        // What was written before the loop began is backlog.
        await sleep(500);
        for (;;) {
          const pushedMs = performance.now();
          fresh += 1;
          await client.push([{ fresh }]);
          while ((await countWhere(url, collection, `fresh = ${fresh}`)) === 0) await sleep(25);
          freshMsMax = Math.max(freshMsMax, performance.now() - pushedMs);
          if ((await askCount(url, collection)) >= events + fresh) break;
          await sleep(200);
        }
        ratios.push(plain / ((performance.now() - startMs) / 1000));
      } finally {
        await client.close();
        await instance.kill();
      }
    }
    return { ratios, freshMsMax };
  }

  async majority(): Promise<{ readonly ratio: number; readonly pushMs: number; readonly plainMs: number }> {
    const collection = this.#nextName();
    const client = createClient({
      instances: this.#urls,
      collection,
      spool: join(this.#directory, collection),
    });
    const [pushed, plain]: [number[], number[]] = [[], []];
    for (let count = 0; count < 200; count += 1) {
      const startMs = performance.now();
      await client.push([{ n: count }], { ack: "majority" });
      pushed.push(performance.now() - startMs);
      const times = await Promise.all(
        this.#urls.map(async (url) => {
          const beganMs = performance.now();
          const response = await fetch(`${url}/v1/collections/${collection}/events?wait=durable`, {
            method: "POST",
            body: `{"plain":${count}}`,
          });
          await response.arrayBuffer();
          return performance.now() - beganMs;
        }),
      );
      plain.push(must(times.sort((x, y) => x - y)[1]));
    }
    await client.close();
    const [pushMs, plainMs] = [median(pushed), median(plain)];
    return { ratio: pushMs / plainMs, pushMs, plainMs };
  }

  /** Fifty questions a second; in the second half one of the instances is dead. Starts it again. */
  async reads(): Promise<{ readonly failed: number; readonly count: number; readonly ratio: number }> {
    const collection = this.#nextName();
    await this.#client({ urls: this.#urls, events: 100_000, ack: "all", collection });
    const port = await freePort();
    const extra = await startEpsilon(join(this.#directory, `${collection}-data`), { port });
    const [a = "", b = ""] = this.#urls;
    const urls = [extra.origin, a, b];
    await this.#client({ urls: [extra.origin], events: 100_000, ack: "all", collection });
    const reader = createReader({ instances: urls.map((url) => ({ url })) });
    let failed = 0;
    const askFor = async (ms: number): Promise<readonly number[]> => {
      const times: number[] = [];
      const asks: Promise<void>[] = [];
      for (const endMs = performance.now() + ms; performance.now() < endMs; ) {
        const startMs = performance.now();
        const asked = reader.query("SELECT count GROUP BY country", { collection }).then(
          () => void times.push(performance.now() - startMs),
          () => {
            failed += 1;
          },
        );
        asks.push(asked);
        await sleep(20);
      }
      await Promise.all(asks);
      return times;
    };
    await askFor(2000);
    const before = await askFor(8000);
    const [after] = await Promise.all([askFor(8000), sleep(1000).then(() => extra.kill())]);
    const ratio = percentile(after, 0.99) / percentile(before, 0.99);
    return { failed, count: after.length + failed, ratio };
  }

  /** Peak memory of a client that fills its spool for nobody, and of one that begins to send from it. */
  async backlog(): Promise<number> {
    const { backlogEvents } = this.#options;
    const collection = this.#nextName();
    const spool = join(this.#directory, collection);
    const filled = await this.#client({
      urls: [nobody],
      events: backlogEvents,
      ack: "spool",
      collection,
      spool,
    });
    const [a = ""] = this.#urls;
    const sent = await this.#client({
      urls: [a, nobody],
      events: 0,
      ack: "spool",
      collection,
      spool,
      lingerMs: 10_000,
    });
    return Math.max(filled.residentPeakBytes, sent.residentPeakBytes);
  }

  /** How long the same events take over plain HTTP, until they are counted. */
  async #plainSeconds(events: number): Promise<number> {
    const name = this.#nextName();
    const instance = await startEpsilon(join(this.#directory, `${name}-data`));
    const load = await startLoad({
      origin: instance.origin,
      path: `/v1/collections/${name}/events?wait=durable`,
      events,
      preparedEvents: Math.min(events, 100_000),
      totalEvents: 100_000,
      batchEvents: 10_000,
      connections: 1,
      eventsPerSecond: null,
      weeks: 0,
    });
    try {
      const startMs = performance.now();
      await load.go();
      while ((await askCount(instance.origin, name)) < events) await sleep(10);
      return (performance.now() - startMs) / 1000;
    } finally {
      load.end();
      await instance.kill();
    }
  }

  get #urls(): readonly string[] {
    return this.#instances.map(({ origin }) => origin);
  }

  #nextName(): string {
    this.#names += 1;
    return `bench-${this.#names}`;
  }

  async #client(
    given: Pick<ClientSettings, "urls" | "events" | "ack"> & Partial<ClientSettings>,
  ): Promise<ClientFigures> {
    const collection = given.collection ?? this.#nextName();
    const settings: ClientSettings = {
      lingerMs: 0,
      isPushed: false,
      spool: join(this.#directory, `${collection}-${this.#names}-spool`),
      ...given,
      collection,
    };
    const child = fork(fileURLToPath(new URL("replication-client.js", import.meta.url)), [], {
      env: { ...process.env, EPSILON_LAB_CLIENT: JSON.stringify(settings) },
    });
    return new Promise((resolve, reject) => {
      let figures: ClientFigures | undefined;
      child.once("message", (message) => {
        figures = message as ClientFigures;
      });
      child.once("exit", (code) => {
        if (figures === undefined) reject(new EpsilonError("internal", `the client ended with ${code}`));
        else resolve(figures);
      });
    });
  }
}

async function countWhere(url: string, collection: string, filter: string): Promise<number> {
  const query = encodeURIComponent(`SELECT count WHERE ${filter}`);
  const response = await fetch(`${url}/v1/collections/${collection}/query?q=${query}`);
  const answer = (await response.json()) as { readonly summary?: readonly { readonly count: number }[] };
  return answer.summary?.[0]?.count ?? 0;
}
