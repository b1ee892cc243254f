/** The world as Node gives it. */

import type { Env, ReportEvent } from "./env.ts";
import { createNodeClock } from "./node-clock.ts";
import { createNodeFiles } from "./node-files.ts";
import { createNodeNetwork } from "./node-network.ts";
import { createNodeProcesses } from "./node-processes.ts";
import { createNodeRandom } from "./node-random.ts";

/** The real world. `report` gets what is worth a log line; nothing is reported without it. */
export function createNodeEnv(options: { readonly report?: (event: ReportEvent) => void } = {}): Env {
  return {
    clock: createNodeClock(),
    random: createNodeRandom(),
    files: createNodeFiles(),
    network: createNodeNetwork(),
    processes: createNodeProcesses(),
    report: options.report ?? (() => undefined),
  };
}
