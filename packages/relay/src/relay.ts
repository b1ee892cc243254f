/** The relay: any program that can POST JSON is replicated. It spools what it is sent, and runs the loops. */

import { createDiskClient, type InstanceAddress, Instances } from "@epsilon/client";
import type { Env } from "@epsilon/env";
import { bytesToHex, type Sha256 } from "@epsilon/model";
import {
  BodyBudget,
  createHttpServer,
  defaultServerLimits,
  type ListenOptions,
  loadZstd,
  type RunningServer,
} from "@epsilon/server";
import type { RelayContext } from "./context.ts";
import { createRelayMetrics } from "./relay-metrics.ts";
import { relayRoutes } from "./routes.ts";

export interface RelayOptions extends ListenOptions {
  readonly instances: readonly InstanceAddress[];
  /** The folder of the spool; made if it is not there. */
  readonly spool: string;
  /** What its sources' names begin with; the machine's name unless given. */
  readonly source?: string | undefined;
  readonly keep?: "acknowledged" | "snapshotted" | undefined;
  readonly spoolBytesMax?: number | undefined;
  /** The release. */
  readonly version: string;
  readonly hash?: Sha256 | undefined;
  /** An invariant of ours is broken: the process should report it and end. */
  readonly onFatal?: ((error: unknown) => void) | undefined;
}

export interface RunningRelay extends RunningServer {
  /** `<id>/<incarnation>`, as every answer of its own carries it. */
  readonly instance: string;
}

/**
 * Opens the spool and starts to serve. Settles when it listens. Rejects as `createHttpServer` does, and with what the
 * spool cannot be opened for (`log_damaged`, `io_error`, …).
 */
export async function createRelay(env: Env, options: RelayOptions): Promise<RunningRelay> {
  const { instances, spool, source, keep, spoolBytesMax, hash } = options;
  let refused = 0;
  const token = instances[0]?.token;
  const client = createDiskClient(env, {
    instances: instances.map(({ url }) => url),
    collection: "events",
    spool,
    ...(token === undefined ? {} : { token }),
    ...(source === undefined ? {} : { source }),
    ...(keep === undefined ? {} : { keep }),
    ...(spoolBytesMax === undefined ? {} : { spoolBytesMax }),
    ...(hash === undefined ? {} : { hash }),
    onRejected: ({ instance, collection, code, message }) => {
      refused += 1;
      const details = { instance, collection, code, message };
      env.report({ level: "warn", event: "event_refused", details });
    },
  });
  try {
    const { source: name } = await client.status();
    const incarnation = bytesToHex(env.random.bytes(4));
    const instance = `${name.slice(name.lastIndexOf("/") + 1)}/${incarnation}`;
    const server = await createHttpServer({
      options,
      routes: relayRoutes,
      makeContext: async (closing): Promise<RelayContext> => {
        const limits = defaultServerLimits;
        const budget = new BodyBudget(limits.inFlightBytesMax);
        return {
          env,
          limits,
          version: options.version,
          instance,
          hasTokens: options.tokens !== undefined,
          zstd: await loadZstd(),
          budget,
          metrics: createRelayMetrics(client, () => budget.bytes),
          closing,
          onFatal: options.onFatal ?? (() => undefined),
          client,
          instances: new Instances(env, { instances }),
          refused: () => refused,
          startedAtMicros: env.clock.nowMicros(),
        };
      },
    });
    const close = async (): Promise<void> => {
      await server.close();
      await client.close();
    };
    return { address: server.address, instance, close };
  } catch (error) {
    await client.close();
    throw error;
  }
}
