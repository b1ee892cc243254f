/** The instances that a reader reads from: what is known of them, and a question to the one that suits best. */

import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { type InstanceIdentity, parseInstanceUrl, type Target } from "../http/exchange.ts";
import { createHttpClient, type HttpClient } from "../http/http-client.ts";
import { withTimeLimit } from "../http/time-limit.ts";
import type { InstanceAddress } from "../replication/replication.ts";
import { type Asked, askInOrder, type Candidate, isInstanceTrouble, isUnknownCollection } from "./ask.ts";
import { Health } from "./health.ts";
import { KnownSources, sourcesByName } from "./known-sources.ts";

/**
 * Which instance may answer: `any`; `own-writes`, one that has all that this client wrote to the collection; `best`,
 * the one that misses least of what any of them has.
 */
export type Freshness = "any" | "own-writes" | "best";

/** The addresses (as `parseInstanceUrl` has them) that hold all own writes; undefined where nothing was written. */
export type OwnWrites = (collection: string) => ReadonlySet<string> | undefined;

export interface InstancesOptions {
  readonly instances: readonly InstanceAddress[];
  readonly ownWrites?: OwnWrites | undefined;
}

export interface AskRequest {
  readonly collection: string;
  readonly freshness?: Freshness | undefined;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly isTimed: boolean;
}

type Run<T> = (url: string, signal: AbortSignal) => Promise<T>;

const defaultTimeoutMs = 60_000;
/** How long an instance may take to say how far its sources are. */
const sourcesLimitMs = 1000;
const ownWritesLookMs = 20;

export class Instances {
  readonly health: Health;
  readonly known = new KnownSources();
  readonly #env: Env;
  readonly #tokens: ReadonlyMap<string, string | undefined>;
  readonly #ownWrites: OwnWrites | undefined;

  /** Throws `bad_request` for what is no address, and for no instance at all. */
  constructor(env: Env, { instances, ownWrites }: InstancesOptions) {
    this.#env = env;
    this.#ownWrites = ownWrites;
    this.#tokens = new Map(instances.map(({ url, token }) => [parseInstanceUrl(url), token]));
    if (this.#tokens.size === 0)
      throw new EpsilonError("bad_request", "reading needs the address of at least one instance");
    this.health = new Health(this.urls);
  }

  get urls(): readonly string[] {
    return [...this.#tokens.keys()];
  }

  /** Where to send a request; `onInstance` is told who answers. */
  target(url: string, onInstance?: (instance: InstanceIdentity) => void): Target {
    return { url, token: this.#tokens.get(url), onInstance };
  }

  client(url: string, onInstance?: (instance: InstanceIdentity) => void): HttpClient {
    const { token } = this.target(url);
    return createHttpClient(this.#env, { url, token, onInstance });
  }

  /**
   * Asks as `askInOrder` does, those that are fresh enough. Rejects also with `not_acknowledged` where none has come to
   * hold all own writes in time.
   */
  async ask<T>(request: AskRequest, run: Run<T>): Promise<Asked<T>> {
    const endMs = this.#env.clock.elapsedMs() + (request.timeoutMs ?? defaultTimeoutMs);
    if (request.freshness === "own-writes") return this.#askHolders(request, endMs, run);
    const candidates = request.freshness === "best" ? await this.#best(request) : this.#inOrder(this.urls);
    return this.#ask(candidates, request, endMs, run);
  }

  #ask<T>(candidates: readonly Candidate[], request: AskRequest, endMs: number, run: Run<T>) {
    const { health } = this;
    const { signal, isTimed } = request;
    const limitMs = endMs - this.#env.clock.elapsedMs();
    return askInOrder(this.#env, { candidates, health, limitMs, signal, isTimed }, run);
  }

  #inOrder(urls: readonly string[]): readonly Candidate[] {
    return this.health.order(urls, this.#env.clock.elapsedMs()).map((url) => ({ url, mayHedge: true }));
  }

  /** Those that hold the own writes; others as they come to. */
  async #askHolders<T>(request: AskRequest, endMs: number, run: Run<T>): Promise<Asked<T>> {
    const { collection, signal } = request;
    const tried = new Set<string>();
    let failure: unknown;
    for (;;) {
      const holders = this.#ownWrites?.(collection);
      const urls = this.urls.filter((url) => !tried.has(url) && (holders?.has(url) ?? true));
      if (urls.length > 0) {
        try {
          return await this.#ask(this.#inOrder(urls), request, endMs, run);
        } catch (error) {
          signal?.throwIfAborted();
          if (!isInstanceTrouble(error) && !isUnknownCollection(error)) throw error;
          failure = error;
          for (const url of urls) tried.add(url);
        }
      }
      const leftMs = endMs - this.#env.clock.elapsedMs();
      if (leftMs <= 0 || tried.size === this.urls.length) throw failure ?? notThere(collection);
      await this.#env.clock.sleep(Math.min(leftMs, ownWritesLookMs), signal);
    }
  }

  /** Asks how far the sources are, and puts first whoever misses least; those that do not say come last. */
  async #best({ collection, signal }: AskRequest): Promise<readonly Candidate[]> {
    const nowMs = this.#env.clock.elapsedMs();
    const healthy = this.urls.filter((url) => this.health.isHealthy(url, nowMs));
    const said = new Set<string>();
    const asks = (healthy.length === 0 ? this.urls : healthy).map(async (url) => {
      if (await this.#learn(collection, url, signal)) said.add(url);
    });
    await Promise.all(asks);
    const missing = (url: string) =>
      said.has(url) ? this.known.missing(collection, url) : Number.POSITIVE_INFINITY;
    const ranked = this.#inOrder(this.urls)
      .map(({ url }) => ({ url, missing: missing(url) }))
      .toSorted((a, b) => (a.missing === b.missing ? 0 : a.missing - b.missing));
    // One that misses more is no help against a silence, only against a failure.
    return ranked.map((one) => ({ url: one.url, mayHedge: one.missing === ranked[0]?.missing }));
  }

  /** Whether the instance said how far its sources are. */
  async #learn(collection: string, url: string, signal: AbortSignal | undefined): Promise<boolean> {
    let instance = url;
    const client = this.client(url, ({ id }) => {
      instance = id;
    });
    try {
      const limit = { url, limitMs: sourcesLimitMs, signal };
      const sources = await withTimeLimit(this.#env, limit, (within) =>
        client.sources(collection, undefined, { signal: within }),
      );
      this.known.learn(collection, url, { instance, sources: sourcesByName(sources) });
      this.health.answered(url, this.#env.clock.elapsedMs());
      return true;
    } catch (error) {
      signal?.throwIfAborted();
      if (!isInstanceTrouble(error)) throw error;
      this.health.failed(url, this.#env.clock.elapsedMs());
      return false;
    }
  }
}

function notThere(collection: string): EpsilonError {
  return new EpsilonError(
    "not_acknowledged",
    `no instance has all yet that was written to ${collection} here; wait longer, or read with another freshness`,
  );
}
