/** What `epsilon relay` does: it spools what it is sent and replicates it, until a signal ends it. */

import { resolve } from "node:path";
import { createNodeEnv } from "@epsilon/env";
import { EpsilonError, parseSize } from "@epsilon/model";
import { createRelay } from "@epsilon/relay";
import { type CommonFlags, instancesOf } from "./flags.ts";
import type { ListenFlags } from "./listen-flags.ts";
import { listenOptionsOf } from "./listen-options.ts";
import { createLogger } from "./logger.ts";
import { nativeSha256 } from "./push/inputs.ts";
import { runUntilEnded, watchFailure } from "./run-until-ended.ts";
import { version } from "./version.ts";

export interface RelayFlags extends CommonFlags, ListenFlags {
  readonly to?: string;
  readonly spool: string;
  readonly source?: string;
  readonly keep: "snapshotted" | "acknowledged";
  readonly spoolLimit: string;
}

/** Runs the relay; answers the exit code once a signal has ended it. */
export async function runRelay(flags: RelayFlags): Promise<number> {
  if (flags.spool === "") throw new EpsilonError("usage", "--spool is empty; give the spool's folder");
  const listening = listenOptionsOf(flags);
  const instances = instancesOf(flags.to, "--to", flags);
  const spoolBytesMax = parseSize(flags.spoolLimit);
  const logger = createLogger({ isJson: flags.format === "json", isQuiet: flags.quiet === true });
  const env = createNodeEnv({ report: logger.report });
  const { fail, failed } = watchFailure();
  const spool = resolve(flags.spool);
  const relay = await createRelay(env, {
    ...listening,
    instances,
    spool,
    source: flags.source,
    keep: flags.keep,
    spoolBytesMax,
    version,
    hash: nativeSha256,
    onFatal: fail,
  });
  const urls = instances.map(({ url }) => url);
  const ended = runUntilEnded(logger, { failed, close: relay.close });
  const details = { url: relay.address.url, spool, to: urls, relay: relay.instance };
  logger.started(details, `spool in ${spool}, to ${urls.join(", ")}`);
  return ended;
}
