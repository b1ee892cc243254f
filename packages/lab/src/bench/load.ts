/**
 * The load generator, a process of its own. Prepares all bodies, says `ready`, waits for `go`, posts them over a
 * fixed number of connections with one request in flight on each, and says what it measured.
 *
 * Every body is prepared before the clock starts. Past `preparedEvents`, prepared bodies are sent again, moved
 * by whole weeks (see `moveByWeeks`): new keys, same sizes, next to no work.
 */

import { pid } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { assert, must } from "@epsilon/model";
import { Pool } from "undici";
import { bodiesOf, moveByWeeks } from "./generator.ts";
import { percentile } from "./statistics.ts";

/** What to send. */
export interface LoadOptions {
  readonly origin: string;
  readonly path: string;
  readonly events: number;
  /** How many of them to prepare; they are sent again, as new events, until `events` are sent. */
  readonly preparedEvents: number;
  /** How many events fill a week: their density. */
  readonly totalEvents: number;
  readonly batchEvents: number;
  readonly connections: number;
  /** Events a second at most; null for as fast as it goes. */
  readonly eventsPerSecond: number | null;
  /** Moves all events by so many weeks, so that they are new to a collection that has the first ones. */
  readonly weeks: number;
}

/** Latencies of the requests of one stretch, in milliseconds. */
export interface Stretch {
  readonly events: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** What came of it. `refused` counts answers 429, which were sent again after the pause they asked for. */
export interface LoadResult extends Stretch {
  readonly refused: number;
  readonly cpuSeconds: number;
}

export type LoadMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "progress"; readonly stretch: Stretch }
  | { readonly kind: "done"; readonly result: LoadResult }
  | { readonly kind: "failed"; readonly message: string };

const stretchEvents = 1_000_000;

/** Runs as the child of `startLoad`; importing it for its types starts nothing. */
if (process.env["EPSILON_LAB_LOAD"] !== undefined && process.send !== undefined) {
  const options = JSON.parse(process.env["EPSILON_LAB_LOAD"]) as LoadOptions;
  const run = prepare(options);
  process.once("message", () => {
    run()
      .then((result) => say({ kind: "done", result }))
      .catch((error: unknown) => say({ kind: "failed", message: `load ${pid}: ${String(error)}` }))
      .finally(() => process.disconnect());
  });
  say({ kind: "ready" });
}

function say(message: LoadMessage): void {
  process.send?.(message);
}

function prepare(options: LoadOptions): () => Promise<LoadResult> {
  const prepared = Math.min(options.events, options.preparedEvents);
  const bodies = bodiesOf({
    count: prepared,
    totalCount: options.totalEvents,
    batchEvents: options.batchEvents,
  });
  if (0 < options.weeks) for (const body of bodies) moveByWeeks(body, options.weeks);
  return () => send(options, bodies);
}

async function send(options: LoadOptions, bodies: readonly Buffer[]): Promise<LoadResult> {
  const pool = new Pool(options.origin, {
    connections: options.connections,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const requests = Math.ceil(options.events / options.batchEvents);
  const latenciesMs: number[] = [];
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  let next = 0;
  let refused = 0;
  let stretchFrom = 0;
  let stretchStartedMs = startedMs;
  await Promise.all(Array.from({ length: options.connections }, connection));
  const cpu = process.cpuUsage(cpuBefore);
  await pool.close();
  return {
    ...measured(latenciesMs, options.events, performance.now() - startedMs),
    refused,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
  };

  async function connection(): Promise<void> {
    while (next < requests) {
      const index = next;
      next += 1;
      const body = must(bodies[index % bodies.length]);
      if (bodies.length <= index) moveByWeeks(body, 1);
      await pace(index * options.batchEvents);
      const sentMs = performance.now();
      await post(body);
      latenciesMs.push(performance.now() - sentMs);
      reportStretch();
    }
  }

  async function pace(eventsBefore: number): Promise<void> {
    if (options.eventsPerSecond === null) return;
    const waitMs = (eventsBefore / options.eventsPerSecond) * 1000 - (performance.now() - startedMs);
    if (0 < waitMs) await sleep(waitMs);
  }

  async function post(body: Buffer): Promise<void> {
    for (;;) {
      const response = await pool.request({
        path: options.path,
        method: "POST",
        body,
        headers: { "content-type": "application/x-ndjson", "content-length": String(body.length) },
      });
      const text = await response.body.text();
      if (response.statusCode !== 429) {
        assert(response.statusCode < 300, `${response.statusCode} ${text.slice(0, 300)}`);
        assert(text === "" || text.includes('"rejected":[]'), text.slice(0, 300));
        return;
      }
      refused += 1;
      await sleep(1000 * Number(response.headers["retry-after"] ?? 1));
    }
  }

  function reportStretch(): void {
    const requestsAStretch = stretchEvents / options.batchEvents;
    if (latenciesMs.length - stretchFrom < requestsAStretch) return;
    const nowMs = performance.now();
    say({
      kind: "progress",
      stretch: measured(latenciesMs.slice(stretchFrom), stretchEvents, nowMs - stretchStartedMs),
    });
    stretchFrom = latenciesMs.length;
    stretchStartedMs = nowMs;
  }
}

function measured(latenciesMs: readonly number[], events: number, elapsedMs: number): Stretch {
  return {
    events,
    seconds: elapsedMs / 1000,
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
    maxMs: percentile(latenciesMs, 1),
  };
}
