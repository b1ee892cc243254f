/** Raw events from several instances as one stream: where one breaks off, another one goes on. */

import type { Env } from "@epsilon/env";
import { compareKeys, type EventKey, formatTimestamp, parseTimestamp, tsMicrosMax } from "@epsilon/model";
import type { AnswerRow, EventsRequest } from "../http/answers.ts";
import { retryDelayMs } from "../http/retry.ts";
import { type Asked, isInstanceTrouble } from "./ask.ts";
import type { Freshness, Instances } from "./instances.ts";
import { linesOf, parseEvent, untilSilent } from "./stream.ts";

export interface ReadEventsRequest extends EventsRequest {
  readonly collection: string;
  readonly freshness?: Freshness | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An instance may search that long for the next event. */
const silenceLimitMs = 60_000;
/** So often in a row it is begun again without a new event: for about half a minute. */
const breaksMax = 8;

/**
 * Events in key order, each once. After a break the events from the last time on are asked for again, and those up to
 * the last key are dropped: keys are ordered the same everywhere, while `Epsilon-Next` is the instance's own. Throws
 * when none can be reached at the beginning, and when none goes on for half a minute.
 */
export async function* readEvents(
  env: Env,
  instances: Instances,
  request: ReadEventsRequest,
): AsyncGenerator<AnswerRow, void, undefined> {
  const { limit, order, signal } = request;
  let last: EventKey | undefined;
  let given = 0;
  let hasStood = false;
  // Breaks in a row without a new event between them.
  for (let breaks = 0; ; ) {
    let stream: Asked<AsyncIterator<Uint8Array>> | undefined;
    try {
      stream = await open(instances, request, last);
      hasStood = true;
      const { url, value } = stream;
      const chunks = untilSilent(env, { url, limitMs: silenceLimitMs, signal }, value);
      for await (const line of linesOf(chunks)) {
        const event = parseEvent(line);
        const key = keyOf(event);
        if (last !== undefined && !isBeyond(key, last, order)) continue;
        last = key;
        breaks = 0;
        given += 1;
        yield event;
        if (given === limit) return;
      }
      return;
    } catch (error) {
      signal?.throwIfAborted();
      if (!hasStood || !isInstanceTrouble(error) || breaks === breaksMax) throw error;
      if (stream !== undefined) instances.health.failed(stream.url, env.clock.elapsedMs());
      const message = error instanceof Error ? error.message : String(error);
      env.report({ level: "warn", event: "events_broken_off", details: { url: stream?.url, message } });
      breaks += 1;
    } finally {
      stream?.close();
    }
    // Another instance can take over at once.
    if (breaks > 1) await env.clock.sleep(retryDelayMs(env, breaks - 2), signal);
  }
}

function isBeyond(key: EventKey, last: EventKey, order: "asc" | "desc" | undefined): boolean {
  const comparison = compareKeys(key, last);
  return order === "desc" ? comparison < 0 : comparison > 0;
}

/** The first chunk is there, so an instance that fails before it is not the one. */
function open(
  instances: Instances,
  request: ReadEventsRequest,
  last: EventKey | undefined,
): Promise<Asked<AsyncIterator<Uint8Array>>> {
  const { collection, freshness, signal } = request;
  const from = last === undefined ? eventsRequest(request) : resumed(request, last);
  return instances.ask({ collection, freshness, signal, isTimed: false }, async (url, within) => {
    const chunks = instances.client(url).events(collection, from, { signal: within });
    return startedWith(await chunks.next(), chunks);
  });
}

async function* startedWith(
  first: IteratorResult<Uint8Array, void>,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}

function eventsRequest({ start, end, filter, order, limit }: ReadEventsRequest): EventsRequest {
  return { start, end, filter, order, limit };
}

/** What is left after an event, and again those of its time. How many that are is not known, so no limit is given. */
function resumed({ start, end, filter, order }: ReadEventsRequest, last: EventKey): EventsRequest {
  if (order !== "desc") return { start: formatTimestamp(last.tsMicros), end, filter, order };
  // The end is exclusive; there is none beyond the last time of all.
  if (last.tsMicros === tsMicrosMax) return { start, end, filter, order };
  return { start, end: formatTimestamp(last.tsMicros + 1n), filter, order };
}

/** An event's key. Throws `bad_timestamp` for an event without a time, which no instance gives. */
export function keyOf(event: AnswerRow): EventKey {
  return { tsMicros: parseTimestamp(String(event["_ts"])), id: String(event["_id"]) };
}
