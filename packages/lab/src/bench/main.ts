/**
 * The benchmarks' command: `npm run bench -- ingest|queries|replication|big|all [options]`. Prints Markdown on stdout, progress on
 * stderr. What it prints goes into RESULTS.md with the machine and the date, which it prints as well.
 */

import { arch, cpus, platform, release, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { EpsilonError, must } from "@epsilon/model";
import { benchBig } from "./big.ts";
import { benchIngest, type IngestCase } from "./ingest.ts";
import { benchQueries } from "./queries.ts";
import { benchReplication } from "./replication.ts";

const { values, positionals } = parseArgs({
  options: {
    events: { type: "string" },
    rounds: { type: "string", default: "3" },
    runs: { type: "string", default: "7" },
    cases: { type: "string", default: "10000x4,1000x1,1x64" },
    backlog: { type: "string", default: "10000000" },
    "ingest-rate": { type: "string", default: "20000" },
  },
  allowPositionals: true,
});

const benches: Readonly<Record<string, () => Promise<string>>> = {
  ingest: () =>
    benchIngest({ rounds: Number(values.rounds), events: eventsOr(500_000), cases: casesOf(values.cases) }),
  queries: () =>
    benchQueries({
      events: eventsOr(2_000_000),
      runs: Number(values.runs),
      ingestRate: Number(values["ingest-rate"]),
    }),
  replication: () =>
    benchReplication({
      events: eventsOr(300_000),
      rounds: Number(values.rounds),
      backlogEvents: Number(values.backlog),
    }),
  big: () => benchBig({ events: eventsOr(20_000_000) }),
};

const name = positionals[0] ?? "";
const chosen = name === "all" ? Object.keys(benches) : [name];
if (!chosen.every((one) => Object.hasOwn(benches, one))) {
  console.error(
    `usage: npm run bench -- ${[...Object.keys(benches), "all"].join("|")} [--events N] [--rounds N] [--runs N]`,
  );
  process.exitCode = 2;
} else {
  console.log(`${machine()}\n`);
  for (const one of chosen) console.log(`### ${one}\n\n${await must(benches[one])()}\n`);
}

function eventsOr(count: number): number {
  return values.events === undefined ? count : Number(values.events);
}

/** `10000x4,1x64`: batch × connections. */
function casesOf(text: string): readonly IngestCase[] {
  return text.split(",").map((one) => {
    const [batchEvents, connections] = one.split("x").map(Number);
    if (!Number.isSafeInteger(batchEvents) || !Number.isSafeInteger(connections))
      throw new EpsilonError("usage", `--cases ${one}: batch x connections, as 1000x4`);
    return { batchEvents: must(batchEvents), connections: must(connections) };
  });
}

function machine(): string {
  const cpu = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const date = new Date().toISOString().slice(0, 10);
  return `${date}: ${cpu.length} × ${cpu[0]?.model.trim() ?? arch()}, ${memory}, ${platform()} ${release().split("-")[0]}, Node ${process.versions.node}. Client and server share the cores.`;
}
