/** `npm run faults [-- --seed N --only WORDS --long]`: what replication must come through, with real processes. */

import { rm } from "node:fs/promises";
import { parseArgs } from "node:util";
import { temporaryDirectory } from "../bench/processes.ts";
import { runFaults } from "./faults.ts";
import { scenariosNamed } from "./scenarios.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    only: { type: "string", default: "" },
    long: { type: "boolean", default: false },
  },
});
const { seed, only, long } = values;
const chosen = scenariosNamed(only);
if (chosen.length === 0 || !Number.isSafeInteger(Number(seed))) {
  console.error(
    "usage: npm run faults [-- --seed N] [--only WORDS of a scenario's name] [--long]; there are:",
  );
  for (const { name } of scenariosNamed("")) console.error(`  ${name}`);
  process.exit(2);
}
const directory = await temporaryDirectory("faults");
console.error(`seed ${seed}, in ${directory.path}`);
const results = await runFaults({
  directory: directory.path,
  seed: Number(seed),
  scenarios: chosen,
  outageMs: long ? 60_000 : 2000,
  onResult: ({ name, schedule, acknowledged, elapsedMs, wrong }) => {
    console.log(
      `${wrong.length === 0 ? "ok  " : "FAIL"} ${name} (${acknowledged} events acknowledged, ${(elapsedMs / 1000).toFixed(1)} s)`,
    );
    for (const line of schedule) console.log(`       ${line}`);
    if (wrong.length === 0) return;
    for (const line of wrong.slice(0, 10)) console.log(`     ! ${line}`);
    console.log(`     again: npm run faults -- --seed ${seed} --only '${name}'${long ? " --long" : ""}`);
  },
});
if (results.some(({ wrong }) => wrong.length > 0)) {
  console.log(`the folder is kept: ${directory.path}`);
  process.exitCode = 1;
} else {
  console.log(`${results.length} scenarios: every acknowledged event exactly once on every instance`);
  await rm(directory.path, { recursive: true, force: true });
}
