/** What `epsilon serve` does: one instance, until a signal ends it in an orderly way, or a failure at once. */

import { resolve } from "node:path";
import { createNodeEnv } from "@epsilon/env";
import { EpsilonError, parseCollectionName, parseDuration } from "@epsilon/model";
import { assertListenAllowed, assertTlsWorks, createServer, parseOrigin, parseTokens } from "@epsilon/server";
import { openEmbeddedStore, type Retention } from "@epsilon/store";
import { type CommonFlags, parseList, readText } from "./flags.ts";
import { createLogger } from "./logger.ts";
import { exitCodeOf, flushOutput } from "./output.ts";
import { version } from "./version.ts";

export interface ServeFlags extends CommonFlags {
  readonly data: string;
  readonly listen: string;
  readonly tokens?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly allowOrigin?: string;
  readonly insecure?: boolean;
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
  const listen = parseListen(flags.listen);
  const tokens = flags.tokens === undefined ? undefined : parseTokens(readText(flags.tokens));
  const tls = readTls(flags);
  const allowOrigins = parseList(flags.allowOrigin ?? "").map((origin) =>
    origin === "*" ? origin : checkOrigin(origin),
  );
  const retention = parseRetention(flags.retention ?? "");
  const insecure = flags.insecure === true;
  assertListenAllowed(listen.host, { tokens, insecure });

  const logger = createLogger({ isJson: flags.format === "json", isQuiet: flags.quiet === true });
  const env = createNodeEnv({ report: logger.report });
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  // Whoever waits for it comes later; until then a failure is not unhandled.
  failed.catch(() => undefined);

  const directory = resolve(flags.data);
  const store = await openEmbeddedStore(env, {
    directory,
    retention,
    clockConfirmed: flags.confirmClock === true,
    onFailure: fail,
  });
  const server = await createServer(env, {
    store,
    listen,
    tokens,
    tls,
    allowOrigins,
    insecure,
    version,
    onFatal: fail,
  }).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const signal = nextSignal();
  logger.started({ url: server.address.url, data: directory, instance: store.identity.id });
  try {
    const name = await Promise.race([signal, failed]);
    logger.say("stopping", { signal: name });
    await server.close();
    await store.close();
    logger.say("stopped", {});
    return 0;
  } catch (error) {
    // What failed may not be asked to close: the process ends, and the next start recovers.
    logger.failed(error);
    await flushOutput();
    process.exit(exitCodeOf(error) === 1 ? 1 : 2);
  }
}

/** The first signal to end. A second one ends at once. */
function nextSignal(): Promise<string> {
  return new Promise((settle) => {
    let count = 0;
    for (const name of ["SIGINT", "SIGTERM"] as const)
      process.on(name, () => {
        count += 1;
        if (count > 1) process.exit(name === "SIGINT" ? 130 : 143);
        settle(name);
      });
  });
}

/** `HOST:PORT`, `[::1]:PORT` or a port alone. Throws `usage`. */
export function parseListen(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.%a-z]+)\]:|([^:[\]]*):)?([0-9]{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535)
    throw new EpsilonError(
      "usage",
      `--listen ${JSON.stringify(text)}: give HOST:PORT, such as 127.0.0.1:4320 or [::1]:4320`,
    );
  const host = bracketed ?? plain;
  return { host: host === undefined || host === "" ? "127.0.0.1" : host, port };
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

function readTls(flags: ServeFlags): { readonly cert: string; readonly key: string } | undefined {
  const { tlsCert, tlsKey } = flags;
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined)
    throw new EpsilonError("usage", "--tls-cert and --tls-key go together");
  const tls = { cert: readText(tlsCert), key: readText(tlsKey) };
  assertTlsWorks(tls);
  return tls;
}

function checkOrigin(text: string): string {
  parseOrigin(text);
  return text;
}
