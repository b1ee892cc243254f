/**
 * How fast an instance takes events, as a ratio to the floor in the same run.
 *
 *     npm run bench -- ingest [--rounds 3] [--events 500000] [--cases 10000x4,1000x1,1x64]
 *
 * Each round runs floor, `?wait=durable` and plain writes one after another, each on a fresh folder, so that a noisy minute
 * touches all three. Time until applied ends when a query has counted every event: a query waits for what was acknowledged.
 */

import { join } from "node:path";
import { assert, must } from "@epsilon/model";
import { askCount } from "./asking.ts";
import type { LoadResult } from "./load.ts";
import { type RunningServer, startEpsilon, startFloor, startLoad, temporaryDirectory } from "./processes.ts";
import { median, megabytes, short, spread, table, thousands } from "./statistics.ts";

export interface IngestOptions {
  readonly rounds: number;
  /** For batches; single events are a fifteenth of it. */
  readonly events: number;
  readonly cases: readonly IngestCase[];
}

export interface IngestCase {
  readonly batchEvents: number;
  readonly connections: number;
}

const systems = ["floor", "durable", "plain"] as const;
type System = (typeof systems)[number];

interface Measurement {
  readonly load: LoadResult;
  /** Until a query has counted every event. For the floor: until acknowledged. */
  readonly appliedSeconds: number;
  readonly serverCpuSeconds: number;
  readonly residentPeakBytes: number;
}

/** Measures, and answers with the report as Markdown. */
export async function benchIngest(options: IngestOptions): Promise<string> {
  const rows: string[][] = [];
  for (const one of options.cases) {
    const events = one.batchEvents === 1 ? Math.ceil(options.events / 15) : options.events;
    const measured: Record<System, Measurement[]> = { floor: [], durable: [], plain: [] };
    for (let round = 0; round < options.rounds; round += 1)
      for (const system of systems) {
        measured[system].push(await measure(system, one, events));
        console.error(
          `${one.batchEvents}x${one.connections} ${system} ${rate(must(measured[system].at(-1)), events)}`,
        );
      }
    for (const system of systems) rows.push(rowOf(system, one, { events, measured }));
  }
  return table(
    [
      "batch × connections",
      "system",
      "acknowledged events/s",
      "applied events/s",
      "applied ÷ floor",
      "p50 ms",
      "p99 ms",
      "server CPU µs an event",
      "peak RSS",
    ],
    rows,
  );
}

async function measure(system: System, one: IngestCase, events: number): Promise<Measurement> {
  await using directory = await temporaryDirectory("ingest");
  await using server: RunningServer =
    system === "floor"
      ? await startFloor(join(directory.path, "floor"))
      : await startEpsilon(join(directory.path, "data"));
  const load = await startLoad({
    origin: server.origin,
    path:
      system === "floor" ? "/" : `/v1/collections/ev/events${system === "durable" ? "?wait=durable" : ""}`,
    events,
    preparedEvents: events,
    totalEvents: 2_000_000,
    ...one,
    eventsPerSecond: null,
    weeks: 0,
  });
  const cpuBefore = server.usage().cpuSeconds;
  const startedMs = performance.now();
  const result = await load.go();
  if (system !== "floor") {
    const counted = await askCount(server.origin, "ev");
    assert(counted === events, `${counted} events are there, ${events} were acknowledged`);
  }
  const elapsedSeconds = (performance.now() - startedMs) / 1000;
  const usage = server.usage();
  return {
    load: result,
    appliedSeconds: system === "floor" ? result.seconds : elapsedSeconds,
    serverCpuSeconds: usage.cpuSeconds - cpuBefore,
    residentPeakBytes: usage.residentPeakBytes,
  };
}

function rate(measurement: Measurement, events: number): string {
  return `${thousands(events / measurement.load.seconds)} acknowledged, ${thousands(events / measurement.appliedSeconds)} applied`;
}

function rowOf(
  system: System,
  one: IngestCase,
  all: { readonly events: number; readonly measured: Record<System, readonly Measurement[]> },
): string[] {
  const own = all.measured[system];
  // Round by round, so that both sides of a ratio saw the same minute.
  const ratios = own.map(
    (measurement, round) => must(all.measured.floor[round]).appliedSeconds / measurement.appliedSeconds,
  );
  const perEvent = own.map((measurement) => (1e6 * measurement.serverCpuSeconds) / all.events);
  return [
    `${one.batchEvents.toLocaleString("en")} × ${one.connections}`,
    { floor: "floor", durable: "`?wait=durable`", plain: "plain write" }[system],
    spread(
      own.map((measurement) => all.events / measurement.load.seconds),
      thousands,
    ),
    spread(
      own.map((measurement) => all.events / measurement.appliedSeconds),
      thousands,
    ),
    system === "floor" ? "1" : spread(ratios, (value) => value.toFixed(2)),
    short(median(own.map((measurement) => measurement.load.p50Ms))),
    short(median(own.map((measurement) => measurement.load.p99Ms))),
    short(median(perEvent)),
    megabytes(median(own.map((measurement) => measurement.residentPeakBytes))),
  ];
}
