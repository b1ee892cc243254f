/**
 * Real data to try things on: `npm run sample -- flights|birdstrikes|earthquakes [--rows N]` writes to `./data/`.
 *
 * The files come from vega-datasets (BSD-3), a development dependency of this package and of nothing else. Flights
 * are a Parquet file of 3,000,000 rows whose times are local times of the airport; they are taken for UTC. Earthquakes
 * are a GeoJSON collection, which becomes one nested event a feature. Bird strikes stay the CSV that they are: `epsilon push`
 * reads it.
 */

import { createReadStream, createWriteStream, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { EpsilonError } from "@epsilon/model";

const outputDirectory = "data";

const samples: Readonly<
  Record<string, { readonly file: string; write(file: string, rows: number): Promise<void> }>
> = {
  flights: { file: "flights.ndjson", write: writeFlights },
  birdstrikes: { file: "birdstrikes.csv", write: writeBirdStrikes },
  earthquakes: { file: "earthquakes.ndjson", write: writeEarthquakes },
};

const { values, positionals } = parseArgs({ options: { rows: { type: "string" } }, allowPositionals: true });
await main(positionals[0] ?? "", values.rows === undefined ? Number.MAX_SAFE_INTEGER : Number(values.rows));

async function main(name: string, rows: number): Promise<void> {
  const sample = Object.hasOwn(samples, name) ? samples[name] : undefined;
  if (sample === undefined || !Number.isSafeInteger(rows) || rows < 1) {
    console.error(`usage: npm run sample -- ${Object.keys(samples).join("|")} [--rows N]`);
    process.exitCode = 2;
    return;
  }
  mkdirSync(outputDirectory, { recursive: true });
  const file = join(outputDirectory, sample.file);
  await sample.write(file, rows);
  console.error(`wrote ${file}`);
}

/** Times are written as RFC 3339; every other column as it is. */
async function writeFlights(file: string, rows: number): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(
    `COPY (SELECT strftime("date", '%Y-%m-%dT%H:%M:%SZ') AS _ts, origin, destination, delay, distance
           FROM read_parquet(${quoted(vegaFile("flights-3m.parquet"))}) LIMIT ${rows})
     TO ${quoted(file)} (FORMAT json)`,
  );
  connection.closeSync();
  instance.closeSync();
}

/** The first `rows` rows of the CSV, and its header. No cell of this file holds a line break. */
async function writeBirdStrikes(file: string, rows: number): Promise<void> {
  const lines = createInterface({ input: createReadStream(vegaFile("birdstrikes.csv")) });
  await pipeline(async function* () {
    let written = 0;
    for await (const line of lines) {
      if (rows < written) return;
      yield `${line}\n`;
      written += 1;
    }
  }, createWriteStream(file));
}

interface Feature {
  readonly id: string;
  readonly properties: Readonly<Record<string, unknown>> & { readonly time: number };
  readonly geometry: { readonly coordinates: readonly [number, number, number] };
}

/** One event a feature. The agency's own id names it, so that tomorrow's feed can be pushed on top of today's. */
async function writeEarthquakes(file: string, rows: number): Promise<void> {
  const collection: { readonly features: readonly Feature[] } = JSON.parse(
    readFileSync(vegaFile("earthquakes.json"), "utf8"),
  );
  const lines = collection.features.slice(0, rows).map(({ id, properties, geometry }) => {
    const { time, ...rest } = properties;
    const [longitude, latitude, depthKm] = geometry.coordinates;
    return JSON.stringify({
      _ts: time,
      _key: id,
      ...rest,
      location: { longitude, latitude, depth_km: depthKm },
    });
  });
  writeFileSync(file, `${lines.join("\n")}\n`);
}

function vegaFile(name: string): string {
  let directory = dirname(createRequire(import.meta.url).resolve("vega-datasets"));
  while (!directory.endsWith("vega-datasets")) {
    const parent = dirname(directory);
    if (parent === directory)
      throw new EpsilonError("file_not_found", "vega-datasets is not installed: npm ci");
    directory = parent;
  }
  return join(directory, "data", name);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
