/** `npm run demo [-- --flights 200000]`: what replication by the client means, told while it happens. */

import { parseArgs } from "node:util";
import { temporaryDirectory } from "../bench/processes.ts";
import { runDemo } from "./demo.ts";

const { values } = parseArgs({ options: { flights: { type: "string", default: "200000" } } });
await using directory = await temporaryDirectory("demo");
const startMs = performance.now();
const say = (line: string): void => {
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1).padStart(5);
  console.log(`${seconds} s  ${line}`);
};
const { isSame, flights, views, queries, failedQueries } = await runDemo({
  directory: directory.path,
  flights: Number(values.flights),
  say,
});
if (isSame)
  say(
    `All three hold the same: ${flights} flights, and each of the ${views} page views that were acknowledged. ` +
      `${queries} questions were asked on the way, ${failedQueries} failed.`,
  );
else {
  say("They do not hold the same. This is a bug; please report it.");
  process.exitCode = 1;
}
