/** Reading from several instances: an answer comes as long as one of them can give it. */

import type { Env } from "@epsilon/env";
import type { AnswerRow, QueryAnswer } from "../http/answers.ts";
import type { InstanceIdentity } from "../http/exchange.ts";
import { type Freshness, Instances, type InstancesOptions } from "./instances.ts";
import type { Behind } from "./known-sources.ts";
import { type ReadEventsRequest, readEvents } from "./read-events.ts";
import { type ReadTailRequest, readTail } from "./read-tail.ts";

export interface ReadQueryOptions {
  readonly collection: string;
  readonly freshness?: Freshness | undefined;
  /** How long all of it may take; a minute unless given. */
  readonly timeoutMs?: number | undefined;
  /** How long the instance may work on it, such as `2m`; what it says itself unless given. */
  readonly timeout?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Who gave an answer. */
export interface ReadBy {
  readonly url: string;
  /** The instance's id. */
  readonly instance: string;
  /** null where the answer does not say (a proxy took it out). */
  readonly incarnation: string | null;
  /** It was asked because another one was silent. */
  readonly hedged: boolean;
  /** What other instances are known to have beyond it: if there is any, the answer may be incomplete. */
  readonly behind: readonly Behind[];
}

export interface ReadAnswer extends QueryAnswer {
  readonly read: ReadBy;
}

export class Reader {
  readonly #env: Env;
  readonly #instances: Instances;

  /** Throws `bad_request` for what is no address, and for no instance at all. */
  constructor(env: Env, options: InstancesOptions) {
    this.#env = env;
    this.#instances = new Instances(env, options);
  }

  /**
   * Asks: the query language, or a query object. `meta.sources` is always in the answer. Rejects with the caller's own
   * error as the instance says it, with `unreachable` if no instance answers (details: `instances`, each with its
   * error), with `not_acknowledged` if none has the own writes in time, with the signal's reason.
   */
  async query(query: string | object, options: ReadQueryOptions): Promise<ReadAnswer> {
    const { collection, freshness, timeoutMs, timeout, signal } = options;
    const asked = await this.#instances.ask(
      { collection, freshness, timeoutMs, signal, isTimed: true },
      async (at, within) => {
        let identity: InstanceIdentity | undefined;
        const client = this.#instances.client(at, (one) => {
          identity = one;
        });
        const answer = await client.query(collection, withSources(query), {
          signal: within,
          ...(timeout === undefined ? {} : { timeout }),
        });
        return { answer, identity };
      },
    );
    asked.close();
    const { url, hedged, value } = asked;
    const { answer } = value;
    const identity: InstanceIdentity | undefined = value.identity;
    const instance = identity?.id ?? answer.meta.instance;
    const { known } = this.#instances;
    const { sources } = answer.meta;
    if (sources !== undefined) known.learn(collection, url, { instance, sources });
    const behind = known.behind(collection, url);
    return {
      ...answer,
      read: { url, instance, incarnation: identity?.incarnation ?? null, hedged, behind },
    };
  }

  /** Raw events in key order, each once; where an instance breaks off, another one goes on. Throws as `query` rejects. */
  events(request: ReadEventsRequest): AsyncGenerator<AnswerRow, void, undefined> {
    return readEvents(this.#env, this.#instances, request);
  }

  /**
   * New events as they come, until the signal is aborted; where an instance breaks off, another one goes on. Throws as
   * `query` rejects if none can be reached at the beginning; later it tries for ever.
   */
  tail(request: ReadTailRequest): AsyncGenerator<AnswerRow, void, undefined> {
    return readTail(this.#env, this.#instances, request);
  }
}

/** How far the sources are is asked with the query, so that it costs no second request. */
function withSources(query: string | object): object {
  return typeof query === "string" ? { q: query, sources: true } : { ...query, sources: true };
}
