/** The drill's command: `npm run drill -- [--kills 50] [--seed N] [--life-ms 2500] [--verify-every 5]`. */

import { rm } from "node:fs/promises";
import { parseArgs } from "node:util";
import { temporaryDirectory } from "../bench/processes.ts";
import { drill } from "./drill.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "50" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    "life-ms": { type: "string", default: "2500" },
    "verify-every": { type: "string", default: "5" },
  },
});

const directory = await temporaryDirectory("drill");
console.error(`seed ${values.seed}, in ${directory.path}`);
const result = await drill({
  directory: directory.path,
  seed: Number(values.seed),
  kills: Number(values.kills),
  lifeMsMax: Number(values["life-ms"]),
  verifyEvery: Number(values["verify-every"]),
  onLife: (line) => console.error(line),
});
console.log(
  `seed ${values.seed}: ${result.kills} kills (${result.killsWhileStarting} while starting), ${result.sent} events sent, ` +
    `${result.acknowledged} acknowledged, slowest start ${Math.round(result.startMsMax)} ms`,
);
if (result.findings.length === 0) {
  console.log("every acknowledged event is there exactly once, and epsilon check says sound");
  await rm(directory.path, { recursive: true, force: true });
} else {
  console.log(`${result.findings.length} findings; the folder is kept: ${directory.path}`);
  for (const finding of result.findings.slice(0, 20)) console.log(finding);
  process.exitCode = 1;
}
