/** The world as a browser gives it: without files and other processes. */

import { EpsilonError } from "@epsilon/model";
import { createBrowserClock } from "./browser-clock.ts";
import { createBrowserNetwork } from "./browser-network.ts";
import { createBrowserRandom } from "./browser-random.ts";
import type { Env, Files, ReportEvent } from "./env.ts";

/** The world of a page or a worker. `report` gets what is worth a log line; nothing is reported without it. */
export function createBrowserEnv(options: { readonly report?: (event: ReportEvent) => void } = {}): Env {
  return {
    clock: createBrowserClock(),
    random: createBrowserRandom(),
    files: noFiles,
    network: createBrowserNetwork(),
    processes: {
      self: { pid: 0, started: "", boot: "" },
      // Pages from a file have none.
      hostName: globalThis.location?.hostname || "browser",
      isAlive: () => Promise.resolve(false),
    },
    report: options.report ?? (() => undefined),
  };
}

const refuse = (): Promise<never> =>
  Promise.reject(new EpsilonError("io_error", "a page has no files; use what needs none, or run it on Node"));

const noFiles: Files = {
  open: refuse,
  list: refuse,
  rename: refuse,
  link: refuse,
  remove: refuse,
  makeDirectory: refuse,
  syncDirectory: refuse,
  exists: refuse,
  fileSizeBytes: refuse,
  identity: refuse,
};
