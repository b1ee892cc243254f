/** What `epsilon serve` does: one instance, until a signal ends it in an orderly way, or a failure at once. */

import { resolve } from "node:path";
import { createNodeEnv } from "@epsilon/env";
import { EpsilonError, parseCollectionName, parseDuration } from "@epsilon/model";
import { createServer } from "@epsilon/server";
import { openEmbeddedStore, type Retention } from "@epsilon/store";
import { type CommonFlags, parseList } from "./flags.ts";
import type { ListenFlags } from "./listen-flags.ts";
import { listenOptionsOf } from "./listen-options.ts";
import { createLogger } from "./logger.ts";
import { runUntilEnded, watchFailure } from "./run-until-ended.ts";
import { version } from "./version.ts";

export interface ServeFlags extends CommonFlags, ListenFlags {
  readonly data: string;
  readonly retention?: string;
  readonly confirmClock?: boolean;
  readonly snapshotTo?: string;
  readonly snapshotEvery?: string;
}

/** Runs the instance; answers the exit code once a signal has ended it. */
export async function serveInstance(flags: ServeFlags): Promise<number> {
  if (flags.snapshotTo !== undefined || flags.snapshotEvery !== undefined)
    throw new EpsilonError(
      "not_implemented",
      "--snapshot-to and --snapshot-every: snapshots are not built yet",
    );
  if (flags.data === "") throw new EpsilonError("usage", "--data is empty; give the data folder");
  const listening = listenOptionsOf(flags);
  const retention = parseRetention(flags.retention ?? "");

  const logger = createLogger({ isJson: flags.format === "json", isQuiet: flags.quiet === true });
  const env = createNodeEnv({ report: logger.report });
  const { fail, failed } = watchFailure();
  const directory = resolve(flags.data);
  const store = await openEmbeddedStore(env, {
    directory,
    retention,
    clockConfirmed: flags.confirmClock === true,
    onFailure: fail,
  });
  const server = await createServer(env, {
    ...listening,
    store,
    version,
    onFatal: fail,
  }).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const details = { url: server.address.url, data: directory, instance: store.identity.id };
  const ended = runUntilEnded(logger, {
    failed,
    close: async () => {
      await server.close();
      await store.close();
    },
  });
  logger.started(details, `data in ${directory} (instance ${store.identity.id})`);
  return ended;
}

/** `90d`, `NAME=90d,…`, or both. Throws `usage`. */
export function parseRetention(text: string): Retention {
  let defaultMs: number | null = null;
  const byCollection = new Map<string, number>();
  for (const rule of parseList(text)) {
    const [left = "", right, ...more] = rule.split("=");
    const duration = right ?? left;
    const ms = parseDuration(duration);
    if (more.length > 0 || ms === 0)
      throw new EpsilonError("usage", `--retention ${rule}: give 90d, or NAME=90d, and more than nothing`);
    if (right === undefined) {
      if (defaultMs !== null)
        throw new EpsilonError("usage", "--retention says twice how long to keep all others");
      defaultMs = ms;
    } else if (byCollection.has(left)) throw new EpsilonError("usage", `--retention names ${left} twice`);
    else byCollection.set(parseCollectionName(left), ms);
  }
  return { defaultMs, byCollection };
}
