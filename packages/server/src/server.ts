/** HTTP over a store. */

import type { Env } from "@epsilon/env";
import type { ServerContext } from "./context.ts";
import { BodyBudget } from "./http/body.ts";
import { loadZstd } from "./http/zstd.ts";
import { createHttpServer } from "./http-server.ts";
import { createMetrics } from "./metrics/metrics.ts";
import { defaultServerLimits, type RunningServer, type ServerLimits, type ServerOptions } from "./options.ts";
import { routes } from "./routes/table.ts";

/**
 * Starts a server over an open store. Settles when it listens.
 * Throws `insecure_address`, `address_in_use`, `bad_request` (an origin that is none) and `usage` (an address or a
 * certificate that does not work).
 */
export function createServer(env: Env, options: ServerOptions): Promise<RunningServer> {
  return createHttpServer({
    options,
    routes,
    makeContext: (closing) => createContext(env, options, closing),
    onClosing: ({ tails }) => {
      for (const tail of tails) tail.abort();
    },
  });
}

async function createContext(env: Env, options: ServerOptions, closing: AbortSignal): Promise<ServerContext> {
  const { store } = options;
  const limits: ServerLimits = { ...defaultServerLimits, ...options.limits };
  const tails = new Set<AbortController>();
  const budget = new BodyBudget(limits.inFlightBytesMax);
  return {
    env,
    store,
    limits,
    version: options.version,
    instance: `${store.identity.id}/${store.identity.incarnation}`,
    hasTokens: options.tokens !== undefined,
    zstd: await loadZstd(),
    budget,
    metrics: createMetrics(store, { tails: () => tails.size, bodyBytes: () => budget.bytes }),
    closing,
    tails,
    onFatal: options.onFatal ?? (() => undefined),
  };
}
