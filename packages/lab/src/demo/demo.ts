/**
 * A story in about a minute: three instances and a relay, real flights from their file and live events through the relay;
 * one instance is killed, another one loses its disk, and in the end all three hold the same.
 */

import { spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Digest, EpsilonError, equalDigests, formatDigest, must } from "@epsilon/model";
import {
  epsilonCommand,
  freePort,
  type RunningServer,
  spawnNode,
  startEpsilon,
  startRelay,
} from "../bench/processes.ts";
import { digestOfCollection } from "./collection-digest.ts";

export interface DemoOptions {
  /** An empty folder. */
  readonly directory: string;
  readonly flights: number;
  readonly say: (line: string) => void;
}

export interface DemoResult {
  readonly isSame: boolean;
  readonly flights: number;
  readonly views: number;
  readonly queries: number;
  readonly failedQueries: number;
}

const names = ["A", "B", "C"] as const;
const beatMs = 100;

/** Tells the story. Throws where it cannot go on. */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { directory, say } = options;
  say("Three instances start, A, B and C. None of them knows of another.");
  const ports = await Promise.all(names.map(() => freePort()));
  const start = (index: number): Promise<RunningServer> =>
    startEpsilon(join(directory, must(names[index])), { port: must(ports[index]) });
  const instances = await Promise.all(names.map((_, index) => start(index)));
  const urls = instances.map(({ origin }) => origin);
  const relay = await startRelay(join(directory, "spool"), urls);
  const live = new LiveEvents(relay.origin);
  try {
    say(`A relay takes events at ${relay.origin}, keeps them on its own disk, and sends them to all three.`);
    const file = await writeFlights(options);
    live.start();
    say(
      "A web site begins to post its page views to the relay, ten a second. Each is answered when two instances have it.",
    );
    say(`Meanwhile the flights, a file of ${options.flights} lines, are pushed to all three.`);
    const pushing = push(file, urls, join(directory, "push.log"));
    await until(async () => (await countOn(urls[1], "flights")) > options.flights / 10);

    say("B is killed, with kill -9, in the middle of it.");
    await must(instances[1]).kill();
    await sleep(20 * beatMs);
    say(
      `  The relay has answered ${live.queries} questions so far, ${live.failed} of them badly; ` +
        `${live.acknowledged} page views are on a majority, B or no B.`,
    );

    say(
      "B starts again. Nobody tells anybody: each client asks B how far it has come, and goes on from there.",
    );
    instances[1] = await start(1);
    const pushed = await pushing;
    if (pushed !== 0) throw new EpsilonError("internal", `the push ended with ${pushed}; see ${directory}`);
    say("  The push has ended: A, B and C each have the last flight.");

    say("Now C loses its disk: its folder is deleted, and it starts as an empty instance.");
    await must(instances[2]).kill();
    await rm(join(directory, "C"), { recursive: true });
    instances[2] = await start(2);
    const viewsBefore = live.acknowledged;
    await until(async () => (await countOn(urls[2], "views")) >= viewsBefore);
    say("  The relay noticed within seconds, and sent C its page views again, from the spool.");
    say(
      "The flights can be read again from their file, so nobody had to keep them: the push is run once more.",
    );
    const again = await push(file, urls, join(directory, "push.log"));
    if (again !== 0) throw new EpsilonError("internal", `the push ended with ${again}; see ${directory}`);
    say("  It sent C all of it, and A and B nothing: they stood at its end.");

    const views = await live.stop();
    await until(async () =>
      (await Promise.all(urls.map((url) => countOn(url, "views")))).every((n) => n >= views),
    );
    const digests = await Promise.all(urls.map(digestsOf));
    for (const [index, own] of digests.entries())
      say(`  ${must(names[index])}: ${own.map(describe).join(", ")}`);
    const [first, ...others] = digests;
    const isSame = others.every((own) =>
      own.every((one, at) => equalDigests(one.digest, must(must(first)[at]).digest)),
    );
    const [flights, seen] = must(first);
    return {
      isSame: isSame && seen?.digest.count === views,
      flights: must(flights).digest.count,
      views,
      queries: live.queries,
      failedQueries: live.failed,
    };
  } finally {
    await live.stop();
    await Promise.all([relay.kill(), ...instances.map((instance) => instance.kill())]);
  }
}

/** Posts an event and asks a question at each beat. */
class LiveEvents {
  readonly #relay: string;
  #beats: Promise<void> = Promise.resolve();
  #isOver = false;
  acknowledged = 0;
  queries = 0;
  failed = 0;

  constructor(relay: string) {
    this.#relay = relay;
  }

  start(): void {
    this.#beats = this.#run();
  }

  /** Answers how many events were acknowledged. */
  async stop(): Promise<number> {
    this.#isOver = true;
    await this.#beats;
    return this.acknowledged;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const path = `/page/${this.acknowledged % 7}`;
      const posted = await fetch(`${this.#relay}/v1/collections/views/events?ack=majority`, {
        method: "POST",
        body: JSON.stringify({ path, status: 200 }),
      });
      if (posted.ok) this.acknowledged += 1;
      await posted.arrayBuffer();
      const asked = await fetch(`${this.#relay}/v1/collections/views/query?q=SELECT+count+GROUP+BY+path`);
      await asked.arrayBuffer();
      this.queries += 1;
      if (!asked.ok) this.failed += 1;
      await sleep(beatMs);
    }
  }
}

async function writeFlights({ directory, flights }: DemoOptions): Promise<string> {
  const script = fileURLToPath(new URL("../sample.js", import.meta.url));
  const child = spawn(process.execPath, [script, "flights", "--rows", String(flights)], {
    cwd: directory,
    stdio: "ignore",
  });
  const code = await new Promise((resolve) => child.once("exit", resolve));
  if (code !== 0) throw new EpsilonError("internal", "the sample of flights could not be written");
  return join(directory, "data", "flights.ndjson");
}

/** Runs `epsilon push`; answers its exit code. */
function push(file: string, urls: readonly string[], logFile: string): Promise<number | null> {
  const child = spawnNode(
    [epsilonCommand, "push", file, "--to", urls.join(","), "--collection", "flights"],
    logFile,
  );
  return new Promise((resolve) => child.once("exit", (code) => resolve(code)));
}

async function countOn(url: string | undefined, collection: string): Promise<number> {
  const response = await fetch(`${url}/v1/collections/${collection}/query?q=SELECT+count`);
  const answer = (await response.json()) as { readonly summary?: readonly { readonly count: number }[] };
  return answer.summary?.[0]?.count ?? 0;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const startMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startMs > 120_000)
      throw new EpsilonError("unreachable", "what was waited for did not come within two minutes");
    await sleep(beatMs);
  }
}

interface Described {
  readonly collection: string;
  readonly digest: Digest;
}

async function digestsOf(url: string): Promise<readonly Described[]> {
  const described: Described[] = [];
  for (const collection of ["flights", "views"])
    described.push({ collection, digest: await digestOfCollection(url, collection) });
  return described;
}

function describe({ collection, digest }: Described): string {
  return `${digest.count} ${collection} with digest ${formatDigest(digest).slice(0, 16)}…`;
}
