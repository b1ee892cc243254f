/**
 * The five queries, over an instance against plain DuckDB: a native table with hand-written SQL, loaded from the same events in
 * the same run, on the same machine, asked in turn.
 *
 *     npm run bench -- queries [--events 2000000] [--runs 7]
 *
 * The instance is asked over HTTP, so its times include the request, the plan and the JSON; DuckDB's include turning the
 * rows into JavaScript values. Then the same after both were opened anew, because DuckDB evaluates filters on compressed
 * values only in segments that it read from the file; and again while events arrive at a steady rate.
 */

import { appendFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { assert, must } from "@epsilon/model";
import { ask, askCount } from "./asking.ts";
import { bodiesOf } from "./generator.ts";
import { directoryBytes, startEpsilon, startLoad, temporaryDirectory } from "./processes.ts";
import { geometricMean, median, short, spread, table } from "./statistics.ts";

export interface QueriesOptions {
  readonly events: number;
  readonly runs: number;
  /** Events a second that arrive while the queries are asked for the second time. */
  readonly ingestRate: number;
}

/** Both sides: a server that has just started runs its JavaScript uncompiled, which costs a query 3 to 5 ms. */
const warmUpRuns = 20;

interface Question {
  readonly name: string;
  readonly epsilon: string;
  readonly sql: string;
}

const questions: readonly Question[] = [
  {
    name: "q1 top paths",
    epsilon: "SELECT count, sum(bytes) GROUP BY path ORDER BY count DESC LIMIT 10",
    sql: "SELECT path, count(*), sum(bytes) FROM ev GROUP BY path ORDER BY count(*) DESC, path LIMIT 10",
  },
  {
    name: "q2 hour × status",
    epsilon: "SELECT count, avg(duration_ms) GROUP BY status POINT SIZE 1h",
    sql: "SELECT time_bucket(INTERVAL 1 hour, _ts) AS hour, status, count(*), avg(duration_ms) FROM ev GROUP BY ALL ORDER BY hour, status",
  },
  {
    name: "q3 p95 and distinct users",
    epsilon: "SELECT p95(duration_ms), count_distinct(user_id) GROUP BY country",
    sql: "SELECT country, quantile_cont(duration_ms, 0.95), count(DISTINCT user_id) FROM ev GROUP BY country ORDER BY country",
  },
  {
    name: "q4 filter and count",
    epsilon: 'SELECT count WHERE status >= 500 AND user_agent CONTAINS "Chrome/7"',
    sql: "SELECT count(*) FROM ev WHERE status >= 500 AND contains(user_agent, 'Chrome/7')",
  },
  {
    name: "q5 newest 100",
    epsilon: "LIMIT 100",
    sql: "SELECT * FROM ev ORDER BY _ts DESC, _id DESC LIMIT 100",
  },
];

const columns = `_id UUID, _ts TIMESTAMP, host VARCHAR, path VARCHAR, method VARCHAR, status BIGINT, duration_ms DOUBLE,
  bytes BIGINT, country VARCHAR, user_id BIGINT, user_agent VARCHAR, bot BOOLEAN`;

/** Measures, and answers with the report as Markdown. */
export async function benchQueries(options: QueriesOptions): Promise<string> {
  await using directory = await temporaryDirectory("queries");
  const data = join(directory.path, "data");
  let plain = await loadPlain(directory.path, options.events);
  let server = await startEpsilon(data);
  const measureBoth = () =>
    measureAll(options.runs, {
      epsilon: (question) => ask(server.origin, "ev", question.epsilon),
      plain: (question) => plain.rows(question.sql),
    });
  try {
    await fill(server.origin, options);
    await checkAnswers(server.origin, plain, options.events);
    const loaded = await measureBoth();
    await server.stop();
    plain.close();
    server = await startEpsilon(data);
    plain = await openPlain(directory.path);
    const reopened = await measureBoth();
    const busy = await measureBusy(server.origin, options);
    const total = await askCount(server.origin, "ev");
    await server.stop();
    const bytes = await directoryBytes(data);
    plain.close();
    const plainBytes = await directoryBytes(join(directory.path, "plain"));
    return report({
      loaded,
      reopened,
      busy,
      options,
      bytesAnEvent: bytes / total,
      plainBytesAnEvent: plainBytes / options.events,
    });
  } finally {
    await server.kill();
  }
}

type Times = Readonly<Record<string, readonly number[]>>;

interface Plain {
  readonly connection: DuckDBConnection;
  rows(sql: string): Promise<readonly (readonly unknown[])[]>;
  close(): void;
}

/** The same events in a native table of their own database, sorted by time as they arrive. */
async function loadPlain(directory: string, events: number): Promise<Plain> {
  const file = join(directory, "ev.ndjson");
  const batchEvents = 100_000;
  for (const body of bodiesOf({ count: events, totalCount: events, batchEvents })) appendFileSync(file, body);
  mkdirSync(join(directory, "plain"));
  const { connection, ...plain } = await openPlain(directory);
  const typed = columns.replace("_ts TIMESTAMP", "_ts BIGINT").replace(/(\w+) (\w+)(,|$)/g, "$1: '$2'$3");
  await connection.run(`CREATE TABLE ev (${columns})`);
  await connection.run(
    `INSERT INTO ev SELECT * REPLACE (make_timestamp(_ts * 1000) AS _ts)
     FROM read_json('${file}', format = 'newline_delimited', columns = {${typed}}) ORDER BY _ts, _id`,
  );
  await connection.run("CHECKPOINT");
  rmSync(file);
  return { connection, ...plain };
}

async function openPlain(directory: string): Promise<Plain> {
  const instance = await DuckDBInstance.create(join(directory, "plain", "ev.duckdb"));
  const connection = await instance.connect();
  return {
    connection,
    rows: async (sql) => (await connection.runAndReadAll(sql)).getRowsJson(),
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

async function fill(origin: string, options: QueriesOptions): Promise<void> {
  const load = await startLoad({
    origin,
    path: "/v1/collections/ev/events?wait=durable",
    events: options.events,
    preparedEvents: options.events,
    totalEvents: options.events,
    batchEvents: 10_000,
    connections: 4,
    eventsPerSecond: null,
    weeks: 0,
  });
  await load.go();
  const counted = await askCount(origin, "ev");
  assert(counted === options.events, `${counted} of ${options.events} events are there`);
}

/** Both must say the same before it matters how fast. */
async function checkAnswers(origin: string, plain: Plain, events: number): Promise<void> {
  const [top, , distinct, filtered, newest] = questions.map((question) => question);
  const topRows = await plain.rows(must(top).sql);
  const topAsked = await ask(origin, "ev", must(top).epsilon);
  assert(
    JSON.stringify(topRows.map((row) => Number(row[1]))) ===
      JSON.stringify(topAsked.summary?.map((row) => row["count"])),
    "q1 differs",
  );
  const distinctRows = await plain.rows(must(distinct).sql);
  const distinctAsked = await ask(origin, "ev", must(distinct).epsilon);
  const sum = (values: readonly unknown[]) =>
    values.reduce<number>((total, value) => total + Number(value), 0);
  assert(
    sum(distinctRows.map((row) => row[2])) ===
      sum(distinctAsked.summary?.map((row) => row["count_distinct(user_id)"]) ?? []),
    "q3 differs",
  );
  const [[count]] = (await plain.rows(must(filtered).sql)) as [[unknown]];
  const asked = await ask(origin, "ev", must(filtered).epsilon);
  assert(Number(count) === asked.summary?.[0]?.["count"], "q4 differs");
  const newestRows = await plain.rows(must(newest).sql);
  const newestAsked = await ask(origin, "ev", must(newest).epsilon);
  assert(newestAsked.events?.length === Math.min(100, events), "q5 differs");
  assert(newestRows[0]?.[0] === newestAsked.events?.[0]?.["_id"], "q5 begins elsewhere");
}

async function measureAll(
  runs: number,
  sides: {
    epsilon(question: Question): Promise<unknown>;
    plain?: (question: Question) => Promise<unknown>;
  },
): Promise<{ readonly epsilon: Times; readonly plain: Times }> {
  const epsilon: Record<string, number[]> = {};
  const plain: Record<string, number[]> = {};
  for (const question of questions)
    for (let run = -warmUpRuns; run < runs; run += 1) {
      const epsilonMs = await timed(() => sides.epsilon(question));
      const plainMs = sides.plain === undefined ? Number.NaN : await timed(() => must(sides.plain)(question));
      if (run < 0) continue;
      epsilon[question.name] = [...(epsilon[question.name] ?? []), epsilonMs];
      plain[question.name] = [...(plain[question.name] ?? []), plainMs];
    }
  return { epsilon, plain };
}

/** The same questions while new events arrive in the same collection at a steady rate. */
async function measureBusy(origin: string, options: QueriesOptions): Promise<Times> {
  const load = await startLoad({
    origin,
    path: "/v1/collections/ev/events?wait=durable",
    events: 100_000_000,
    preparedEvents: 200_000,
    totalEvents: options.events,
    batchEvents: 1000,
    connections: 1,
    eventsPerSecond: options.ingestRate,
    weeks: 1,
  });
  const running = load.go();
  try {
    const { epsilon } = await measureAll(options.runs, {
      epsilon: (question) => ask(origin, "ev", question.epsilon),
    });
    return epsilon;
  } finally {
    load.end();
    // Ended on purpose. Had it failed before, its rejection would have ended this process.
    await Promise.allSettled([running]);
  }
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await action();
  return performance.now() - startedMs;
}

interface Measured {
  readonly epsilon: Times;
  readonly plain: Times;
}

function report(all: {
  readonly loaded: Measured;
  readonly reopened: Measured;
  readonly busy: Times;
  readonly options: QueriesOptions;
  readonly bytesAnEvent: number;
  readonly plainBytesAnEvent: number;
}): string {
  const rate = all.options.ingestRate.toLocaleString("en");
  return [
    `${all.options.events.toLocaleString("en")} events; ms, median (min–max) of ${all.options.runs} after ${warmUpRuns} to warm up.`,
    "",
    "Right after loading:",
    "",
    comparison(all.loaded.plain, all.loaded.epsilon),
    "",
    "After both were opened anew:",
    "",
    comparison(all.reopened.plain, all.reopened.epsilon),
    "",
    `While ${rate} events a second arrive at the instance (the plain table is at rest, as above):`,
    "",
    comparison(all.reopened.plain, all.busy),
    "",
    `Bytes on disk an event, the whole data folder after a clean stop: ${short(all.bytesAnEvent)}` +
      ` (plain DuckDB, sorted, no hash: ${short(all.plainBytesAnEvent)}).`,
  ].join("\n");
}

function comparison(floor: Times, times: Times): string {
  const ratios: number[] = [];
  const rows = questions.map(({ name }) => {
    const [plain, epsilon] = [must(floor[name]), must(times[name])];
    const ratio = median(epsilon) / median(plain);
    ratios.push(ratio);
    return [name, spread(plain, short), spread(epsilon, short), ratio.toFixed(2)];
  });
  const mean = (of: Times) => short(geometricMean(questions.map(({ name }) => median(must(of[name])))));
  rows.push(["geometric mean", mean(floor), mean(times), geometricMean(ratios).toFixed(2)]);
  return table(["query", "plain DuckDB", "Epsilon", "÷ plain"], rows);
}
