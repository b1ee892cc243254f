/** Asking instances, and relays, how far they are. */

import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import type { RelayAnswer, SourceAnswer } from "../http/answers.ts";
import { createHttpClient } from "../http/http-client.ts";
import { withTimeLimit } from "../http/time-limit.ts";
import type { InstanceAddress } from "../replication/replication.ts";
import type { InstanceSaid } from "./report.ts";

/** What is at an address. */
export type Asked =
  | { readonly kind: "instance"; readonly said: InstanceSaid }
  | { readonly kind: "relay"; readonly url: string; readonly relay: RelayAnswer };

const limitMs = 10_000;

/** Asks one address. Never rejects for what the address answers: that is in the answer. */
export async function askStatus(env: Env, { url, token }: InstanceAddress): Promise<Asked> {
  let id: string | null = null;
  const client = createHttpClient(env, {
    url,
    token,
    onInstance: (instance) => {
      id = instance.id;
    },
  });
  const collections = new Map<string, readonly SourceAnswer[]>();
  try {
    return await withTimeLimit(
      env,
      { url, limitMs, signal: new AbortController().signal },
      async (signal) => {
        const relay = await client.relay({ signal });
        if (relay !== null) return { kind: "relay", url: client.url, relay };
        for (const { name } of await client.collections())
          collections.set(name, await client.sources(name, undefined, { signal }));
        return { kind: "instance", said: { url: client.url, id, error: null, collections } };
      },
    );
  } catch (error) {
    if (!(error instanceof EpsilonError)) throw error;
    const { code, message } = error;
    return {
      kind: "instance",
      said: { url: client.url, id, error: { code, message }, collections: new Map() },
    };
  }
}
