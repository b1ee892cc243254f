/** New events from several instances as one stream: where one breaks off, another one goes on. */

import type { Env, NetworkResponse } from "@epsilon/env";
import { formatTimestamp, tsMicrosMin } from "@epsilon/model";
import type { AnswerRow } from "../http/answers.ts";
import type { InstanceIdentity } from "../http/exchange.ts";
import { collectionPath } from "../http/http-client.ts";
import { retryDelayMs } from "../http/retry.ts";
import { openTail, tailedEvents } from "../http/tail.ts";
import { type Asked, isInstanceTrouble, isUnknownCollection } from "./ask.ts";
import type { Instances } from "./instances.ts";
import { keyOf } from "./read-events.ts";
import { linesOf, parseEvent, untilSilent } from "./stream.ts";

export interface ReadTailRequest {
  readonly collection: string;
  readonly filter?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An instance that has nothing new says so every 15 seconds. */
const silenceLimitMs = 45_000;
/** How far another instance may be out of step in time with the one that broke off. */
const overlapMicros = 10_000_000n;
/** Old events that are written now must not bring back the whole past; a clock may be an hour wrong. */
const pastMicrosMax = 3_600_000_000n;
const recentMax = 10_000;

interface Connection {
  readonly response: NetworkResponse;
  readonly instance: InstanceIdentity | undefined;
}

/** The last event of the connection that gave it. */
interface Place {
  readonly url: string;
  readonly id: string;
  readonly instance: InstanceIdentity | undefined;
}

/**
 * New events as they come, until the signal is aborted. The first connection must stand; then a broken one is taken up
 * for as long as it takes: by the same run of the same instance at the event's id, by any other one with the events
 * from 10 seconds before the latest time on, of which those are dropped that are among the last 10,000 given.
 */
export async function* readTail(
  env: Env,
  instances: Instances,
  request: ReadTailRequest,
): AsyncGenerator<AnswerRow, void, undefined> {
  const tail = new Tail(env, instances, request);
  for (let attempt = 0; !tail.isAborted; attempt++) {
    let connection: Asked<Connection> | undefined;
    try {
      connection = await tail.connect();
      for await (const event of tail.follow(connection)) {
        attempt = 0;
        yield event;
      }
      tail.brokeOff(connection.url, "the instance ended it");
    } catch (error) {
      if (tail.isAborted) return;
      if (!tail.isWorthGoingOn(error)) throw error;
      tail.brokeOff(connection?.url, error instanceof Error ? error.message : String(error));
    } finally {
      connection?.close();
    }
    // Another instance can take over at once.
    if (attempt > 0)
      await env.clock.sleep(retryDelayMs(env, attempt - 1), request.signal).catch((error: unknown) => {
        if (!tail.isAborted) throw error;
      });
  }
}

class Tail {
  readonly #env: Env;
  readonly #instances: Instances;
  readonly #request: ReadTailRequest;
  readonly #startMicros: bigint;
  readonly #recent = new RecentEvents();
  #latestMicros: bigint | undefined;
  #place: Place | undefined;
  #hasStood = false;

  constructor(env: Env, instances: Instances, request: ReadTailRequest) {
    this.#env = env;
    this.#instances = instances;
    this.#request = request;
    this.#startMicros = env.clock.nowMicros();
  }

  get isAborted(): boolean {
    return this.#request.signal?.aborted === true;
  }

  isWorthGoingOn(error: unknown): boolean {
    return this.#hasStood && (isInstanceTrouble(error) || isUnknownCollection(error));
  }

  connect(): Promise<Asked<Connection>> {
    const { collection, filter, signal } = this.#request;
    const path = collectionPath(collection);
    return this.#instances.ask({ collection, signal, isTimed: false }, async (url, within) => {
      let instance: InstanceIdentity | undefined;
      const target = this.#instances.target(url, (one) => {
        instance = one;
      });
      const after = this.#place?.url === url ? this.#place.id : undefined;
      const response = await openTail(this.#env, target, path, { filter, after, signal: within });
      return { response, instance };
    });
  }

  /** What a connection gives, after what another one before it may not have given. */
  async *follow({ url, value }: Asked<Connection>): AsyncGenerator<AnswerRow, void, undefined> {
    const { response, instance } = value;
    // The tail stands already, so whatever is written from now on comes by it, or by both.
    if (this.#hasStood && !this.#isPlaceOf(url, instance)) yield* this.#overlap(url);
    this.#hasStood = true;
    const chunks = untilSilent(this.#env, this.#limitOf(url), response.body[Symbol.asyncIterator]());
    for await (const { id, json } of tailedEvents(chunks)) {
      const event = parseEvent(json);
      if (this.#isNew(event)) yield event;
      this.#place = { url, id, instance };
    }
  }

  brokeOff(url: string | undefined, message: string): void {
    if (url !== undefined) this.#instances.health.failed(url, this.#env.clock.elapsedMs());
    this.#env.report({ level: "warn", event: "tail_broken_off", details: { url, message } });
  }

  async *#overlap(url: string): AsyncGenerator<AnswerRow, void, undefined> {
    const { collection, filter, signal } = this.#request;
    const start = formatTimestamp(this.#overlapStart());
    const over = new AbortController();
    const end = (): void => over.abort(signal?.reason);
    signal?.addEventListener("abort", end, { once: true });
    try {
      const chunks = this.#instances
        .client(url)
        .events(collection, { start, filter }, { signal: over.signal });
      for await (const line of linesOf(untilSilent(this.#env, this.#limitOf(url), chunks))) {
        const event = parseEvent(line);
        if (this.#isNew(event)) yield event;
      }
    } finally {
      signal?.removeEventListener("abort", end);
      over.abort();
    }
  }

  #overlapStart(): bigint {
    const latest = this.#latestMicros ?? this.#startMicros;
    const earliest = this.#startMicros - pastMicrosMax;
    const start = latest - overlapMicros;
    return start < earliest ? earliest : start;
  }

  #isPlaceOf(url: string, instance: InstanceIdentity | undefined): boolean {
    const { id, incarnation } = this.#place?.instance ?? {};
    return (
      this.#place?.url === url &&
      instance !== undefined &&
      instance.id === id &&
      instance.incarnation === incarnation
    );
  }

  #isNew(event: AnswerRow): boolean {
    const { tsMicros } = keyOf(event);
    // An event of the future says nothing of where the others are.
    const isPast = tsMicros <= this.#env.clock.nowMicros();
    if (isPast && (this.#latestMicros ?? tsMicrosMin) < tsMicros) this.#latestMicros = tsMicros;
    return this.#recent.add(`${tsMicros} ${event["_id"]} ${event["_rev"] ?? 0} ${event["_deleted"] ?? ""}`);
  }

  #limitOf(url: string): { readonly url: string; readonly limitMs: number; readonly signal?: AbortSignal } {
    const { signal } = this.#request;
    return { url, limitMs: silenceLimitMs, ...(signal === undefined ? {} : { signal }) };
  }
}

/** The last events that were given. */
class RecentEvents {
  readonly #keys = new Set<string>();

  /** Whether it is not among them. Then it is from now on, in the place of the oldest. */
  add(key: string): boolean {
    if (this.#keys.has(key)) return false;
    this.#keys.add(key);
    if (recentMax < this.#keys.size) for (const oldest of this.#keys) return this.#keys.delete(oldest);
    return true;
  }
}
