/**
 * Twenty million events in one go: memory and latency along the way, the newest 100 of them, and how long a start takes
 * afterwards, after a clean stop and after `kill -9` in the middle of a flood.
 *
 *     npm run bench -- big [--events 20000000]
 */

import { join } from "node:path";
import { assert, must } from "@epsilon/model";
import { ask, askCount } from "./asking.ts";
import type { LoadOptions, Stretch } from "./load.ts";
import {
  directoryBytes,
  type RunningServer,
  startEpsilon,
  startLoad,
  temporaryDirectory,
} from "./processes.ts";
import { megabytes, percentile, short, spread, table, thousands } from "./statistics.ts";

export interface BigOptions {
  readonly events: number;
}

interface Along extends Stretch {
  readonly residentBytes: number;
}

const sampleEveryMs = 250;
const newestRuns = 7;

/** Measures, and answers with the report as Markdown. */
export async function benchBig(options: BigOptions): Promise<string> {
  await using directory = await temporaryDirectory("big");
  const data = join(directory.path, "data");
  let server = await startEpsilon(data);
  try {
    const { along, seconds } = await fill(server, options.events);
    const peakBytes = server.usage().residentPeakBytes;
    const newestMs = await measureNewest(server.origin);
    await server.stop();
    const bytes = await directoryBytes(data);

    server = await startEpsilon(data);
    const cleanStartMs = server.startMs;
    const coldNewestMs = await timeNewest(server.origin);
    await killInFlood(server, options.events);
    server = await startEpsilon(data);
    const killedStartMs = server.startMs;
    const counted = await askCount(server.origin, "ev");
    assert(options.events <= counted, `${counted} events after kill -9, ${options.events} were acknowledged`);
    await server.stop();
    return [
      alongTable(along),
      "",
      `${options.events.toLocaleString("en")} events applied in ${short(seconds)} s (${thousands(options.events / seconds)} a second);`,
      `peak RSS ${megabytes(peakBytes)}; slowest write ${short(Math.max(...along.map((one) => one.maxMs)))} ms;`,
      `${short(bytes / options.events)} bytes on disk an event.`,
      `Newest 100: ${spread(newestMs, short)} ms; the first query after a start ${short(coldNewestMs)} ms.`,
      `Start until ready: ${Math.round(cleanStartMs)} ms after a clean stop, ${Math.round(killedStartMs)} ms after kill -9 under load.`,
    ].join("\n");
  } finally {
    await server.kill();
  }
}

async function fill(
  server: RunningServer,
  events: number,
): Promise<{ readonly along: readonly Along[]; readonly seconds: number }> {
  const load = await startLoad(loadOptions(server.origin, { events, weeks: 0 }));
  const along: Along[] = [];
  let residentBytes = 0;
  const sampling = setInterval(() => {
    residentBytes = Math.max(residentBytes, server.usage().residentBytes);
  }, sampleEveryMs);
  const startedMs = performance.now();
  try {
    await load.go((stretch) => {
      along.push({ ...stretch, residentBytes });
      residentBytes = 0;
      const rate = thousands(stretch.events / stretch.seconds);
      console.error(
        `${along.length}M: ${rate} a second, p99 ${short(stretch.p99Ms)} ms, RSS ${megabytes(must(along.at(-1)).residentBytes)}`,
      );
    });
    const counted = await askCount(server.origin, "ev");
    assert(counted === events, `${counted} of ${events} events are there`);
  } finally {
    clearInterval(sampling);
    load.end();
  }
  return { along, seconds: (performance.now() - startedMs) / 1000 };
}

/** Writes at full speed and ends the instance in the middle of it, with a log that is not applied yet. */
async function killInFlood(server: RunningServer, events: number): Promise<void> {
  const load = await startLoad(
    loadOptions(server.origin, { events: 2_000_000, weeks: Math.ceil(events / 500_000) }),
  );
  const flood = Promise.allSettled([load.go()]);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  await server.kill();
  load.end();
  await flood;
}

function loadOptions(origin: string, what: { readonly events: number; readonly weeks: number }): LoadOptions {
  return {
    origin,
    path: "/v1/collections/ev/events?wait=durable",
    ...what,
    preparedEvents: 500_000,
    totalEvents: 500_000,
    batchEvents: 10_000,
    connections: 4,
    eventsPerSecond: null,
  };
}

async function measureNewest(origin: string): Promise<readonly number[]> {
  await timeNewest(origin);
  const times: number[] = [];
  for (let run = 0; run < newestRuns; run += 1) times.push(await timeNewest(origin));
  return times;
}

async function timeNewest(origin: string): Promise<number> {
  const startedMs = performance.now();
  const { events } = await ask(origin, "ev", "LIMIT 100");
  assert(events?.length === 100, "the newest 100 are not 100");
  return performance.now() - startedMs;
}

/** At most twenty rows, whatever the number of stretches. */
function alongTable(along: readonly Along[]): string {
  const size = Math.ceil(along.length / 20);
  const rows: string[][] = [];
  for (let from = 0; from < along.length; from += size) {
    const some = along.slice(from, from + size);
    const seconds = some.reduce((sum, one) => sum + one.seconds, 0);
    const events = some.reduce((sum, one) => sum + one.events, 0);
    rows.push([
      `${Math.round((from * must(along[0]).events + events) / 1e6)}M`,
      thousands(events / seconds),
      short(
        percentile(
          some.map((one) => one.p50Ms),
          0.5,
        ),
      ),
      short(Math.max(...some.map((one) => one.p99Ms))),
      short(Math.max(...some.map((one) => one.maxMs))),
      megabytes(Math.max(...some.map((one) => one.residentBytes))),
    ]);
  }
  return table(["after", "events/s acknowledged", "p50 ms", "p99 ms", "max ms", "RSS"], rows);
}
