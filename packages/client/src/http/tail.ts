/** Following new events: server-sent events, taken up again where they broke off. */

import type { Env, NetworkResponse } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { send, type Target } from "./exchange.ts";
import { isWorthRetrying, retryDelayMs } from "./retry.ts";
import { parseServerSentEvents } from "./server-sent-events.ts";

export interface TailRequest {
  readonly filter?: string | undefined;
  /** The id of the last event that was seen. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface TailedEvent {
  /** Resumes after this event. */
  readonly id: string;
  /** The event as a line of JSON. */
  readonly json: string;
}

/**
 * New events as they come. The first connection must stand; after that a broken one is taken up again for as long as
 * the instance can be expected back, and nothing is missed or given twice.
 */
export async function* tailEvents(
  env: Env,
  target: Target,
  collectionPath: string,
  request: TailRequest,
): AsyncGenerator<TailedEvent, void, undefined> {
  const { filter, signal } = request;
  let lastId = request.after;
  let hasStood = false;
  for (let attempt = 0; signal?.aborted !== true; attempt++) {
    try {
      const response = await openTail(env, target, collectionPath, { filter, after: lastId, signal });
      hasStood = true;
      for await (const event of tailedEvents(response.body)) {
        attempt = 0;
        lastId = event.id;
        yield event;
      }
    } catch (error) {
      if (isAborted(signal)) return;
      if (!hasStood || !isWorthRetrying(error)) throw error;
      env.report({
        level: "warn",
        event: "tail_broken_off",
        details: { url: target.url, message: error instanceof Error ? error.message : String(error) },
      });
    }
    await env.clock.sleep(retryDelayMs(env, attempt), signal).catch((error: unknown) => {
      if (!isAborted(signal)) throw error;
    });
  }
}

/** Opens one connection that follows new events. Rejects as `send` does. */
export function openTail(
  env: Env,
  target: Target,
  collectionPath: string,
  { filter, after, signal }: TailRequest,
): Promise<NetworkResponse> {
  const path = `${collectionPath}/tail${filter === undefined ? "" : `?filter=${encodeURIComponent(filter)}`}`;
  const headers = {
    accept: "text/event-stream",
    ...(after === undefined ? {} : { "last-event-id": after }),
  };
  return send(env, target, { path, headers, signal });
}

/** The events of one connection. Throws what the instance says where it breaks off. */
export async function* tailedEvents(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<TailedEvent, void, undefined> {
  for await (const event of parseServerSentEvents(body)) {
    if (event.type === "error") throw streamedError(event.data);
    yield { id: event.id, json: event.data };
  }
}

// Behind a function, because the compiler takes a signal that was looked at for one that does not change.
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function streamedError(data: string): EpsilonError {
  const { error } = JSON.parse(data) as { error?: { code?: string; message?: string } };
  const isBusy = error?.code === "closed" || error?.code === "store_failed" || error?.code === "overloaded";
  return new EpsilonError(isBusy ? "unreachable" : "bad_request", `${error?.code}: ${error?.message}`);
}
