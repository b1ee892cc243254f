/** One instance over HTTP: a typed function for each request. Nothing is repeated here; see `withRetry`. */

import type { Env } from "@epsilon/env";
import { EpsilonError, parseCollectionName } from "@epsilon/model";
import type {
  CollectionAnswer,
  EventsRequest,
  InstanceAnswer,
  QueryAnswer,
  RelayAnswer,
  SourceAnswer,
  WriteAnswer,
  WriteClaim,
} from "./answers.ts";
import {
  errorOf,
  type InstanceIdentity,
  parseInstanceUrl,
  readJson,
  send,
  sendAnyway,
  type Target,
} from "./exchange.ts";
import { type TailedEvent, type TailRequest, tailEvents } from "./tail.ts";

export interface HttpClientOptions {
  /** The instance's address, such as `http://127.0.0.1:4320`. */
  readonly url: string;
  readonly token?: string | undefined;
  /** Told with every answer, errors included, which instance and which run of it answered. */
  readonly onInstance?: ((instance: InstanceIdentity) => void) | undefined;
}

interface Cancel {
  readonly signal?: AbortSignal | undefined;
}

export interface WriteOptions extends Cancel {
  readonly claim?: WriteClaim | undefined;
  /** `applied` (without it): the counts are known and the events can be queried. */
  readonly wait?: "durable" | "applied" | undefined;
  readonly contentEncoding?: "gzip" | "zstd" | undefined;
}

/** Every method rejects with an EpsilonError: the instance's own, or `unreachable`. */
export interface HttpClient {
  readonly url: string;
  /** Writes a body of JSON objects. Events that are rejected are in the answer, also where all of them are. */
  write(collection: string, body: Uint8Array, options?: WriteOptions): Promise<WriteAnswer>;
  /** Asks: the query language, or a query object. */
  query(
    collection: string,
    query: string | object,
    options?: Cancel & { readonly timeout?: string },
  ): Promise<QueryAnswer>;
  /** Raw events as stretches of NDJSON. Breaks off with `unreachable` if the instance does. */
  events(
    collection: string,
    request?: EventsRequest,
    options?: Cancel,
  ): AsyncGenerator<Uint8Array, void, undefined>;
  /** New events as they come; connects again, where it stood, when the connection breaks. */
  tail(collection: string, request?: TailRequest): AsyncGenerator<TailedEvent, void, undefined>;
  collections(): Promise<readonly CollectionAnswer[]>;
  sources(collection: string, source?: string, options?: Cancel): Promise<readonly SourceAnswer[]>;
  instance(): Promise<InstanceAnswer>;
  /** What a relay knows of its instances; null where no relay answers. */
  relay(options?: Cancel): Promise<RelayAnswer | null>;
  /** Deletes what matches; answers how many. */
  deleteWhere(collection: string, filter: string): Promise<number>;
  /** Forgets a collection on this instance. */
  drop(collection: string): Promise<void>;
}

/** A client of one instance. Throws `bad_request` for what is no address. */
export function createHttpClient(env: Env, options: HttpClientOptions): HttpClient {
  const { token, onInstance } = options;
  const target: Target = { url: parseInstanceUrl(options.url), token, onInstance };
  const json = async <T>(path: string, body?: unknown, more: Cancel = {}): Promise<T> =>
    readJson<T>(
      target,
      await send(env, target, {
        path,
        ...(body === undefined ? {} : { method: "POST" as const, body: encode(body) }),
        ...more,
      }),
    );
  return {
    url: target.url,
    write: (collection, body, more = {}) => write(env, target, { collection, body, more }),
    query: (collection, query, { timeout, signal } = {}) =>
      json(
        `${collectionPath(collection)}/query${parameters({ timeout })}`,
        typeof query === "string" ? { q: query } : query,
        { signal },
      ),
    events: (collection, request = {}, more = {}) => readEvents(env, target, { collection, request, more }),
    tail: (collection, request = {}) => tailEvents(env, target, collectionPath(collection), request),
    collections: async () =>
      (await json<{ collections: readonly CollectionAnswer[] }>("/v1/collections")).collections,
    sources: async (collection, source, { signal } = {}) =>
      (
        await json<{ sources: readonly SourceAnswer[] }>(
          `${collectionPath(collection)}/sources${parameters({ source })}`,
          undefined,
          { signal },
        )
      ).sources,
    instance: () => json("/v1/instance"),
    relay: async (more = {}) =>
      json<RelayAnswer>("/v1/relay", undefined, more).catch((error: unknown) => {
        if (error instanceof EpsilonError && error.code === "not_found") return null;
        throw error;
      }),
    deleteWhere: async (collection, filter) =>
      (await json<{ deleted: number }>(`${collectionPath(collection)}/delete`, { filter })).deleted,
    drop: async (collection) => {
      const response = await send(env, target, { path: collectionPath(collection), method: "DELETE" });
      for await (const _ of response.body);
    },
  };
}

const encoder = new TextEncoder();

function encode(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** A collection's path. Throws `bad_collection`. */
export function collectionPath(collection: string): string {
  return `/v1/collections/${parseCollectionName(collection)}`;
}

function parameters(values: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return given.length === 0
    ? ""
    : `?${given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&")}`;
}

interface WriteCall {
  readonly collection: string;
  readonly body: Uint8Array;
  readonly more: WriteOptions;
}

async function write(env: Env, target: Target, { collection, body, more }: WriteCall): Promise<WriteAnswer> {
  const { claim, wait, contentEncoding, signal } = more;
  const headers: Record<string, string> = { "content-type": "application/x-ndjson" };
  if (contentEncoding !== undefined) headers["content-encoding"] = contentEncoding;
  if (claim !== undefined) {
    headers["epsilon-source"] = claim.source;
    headers["epsilon-cursor"] = claim.cursor;
    if (claim.after !== null) headers["epsilon-after"] = claim.after;
    if (claim.gap !== undefined) headers["epsilon-gap"] = claim.gap;
  }
  const path = `${collectionPath(collection)}/events${parameters({ wait: wait === "durable" ? "durable" : undefined })}`;
  const response = await sendAnyway(env, target, { path, method: "POST", headers, body, signal });
  // 422: every event was rejected, each with its reason.
  if (response.status === 200) return readJson(target, response);
  if (response.status !== 422) throw await errorOf(target, response);
  const answer = await readJson<WriteAnswer & { readonly error?: unknown }>(target, response);
  if (Array.isArray(answer.rejected)) return answer;
  throw new EpsilonError("bad_request", `${target.url} answered 422 without saying what it rejected`);
}

interface EventsCall {
  readonly collection: string;
  readonly request: EventsRequest;
  readonly more: Cancel;
}

async function* readEvents(
  env: Env,
  target: Target,
  { collection, request, more }: EventsCall,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { start, end, filter, order, limit } = request;
  let after: string | undefined;
  for (;;) {
    const path = `${collectionPath(collection)}/events${parameters({ start, end, filter, order, limit, after })}`;
    const response = await send(env, target, { path, signal: more.signal });
    yield* response.body;
    after = response.headers["epsilon-next"];
    // A limit is the caller's own; without one the instance may still give a page at a time.
    if (after === undefined || limit !== undefined) return;
  }
}
