/**
 * The client: an application writes once, to its own disk, and every instance gets it, whatever fails in between.
 */

import type { Env } from "@epsilon/env";
import type { Page } from "@epsilon/env/browser";
import { type Cursor, EpsilonError, parseCollectionName, type Sha256, sha256 } from "@epsilon/model";
import type { AnswerRow, EventsRequest } from "../http/answers.ts";
import { parseInstanceUrl } from "../http/exchange.ts";
import { collectionPath } from "../http/http-client.ts";
import type { RejectedBySource } from "../loop/rejected.ts";
import type { ReplicatorState } from "../loop/state.ts";
import type { ReadAnswer, Reader } from "../reads/reader.ts";
import type { Acknowledgement } from "../replication/acknowledgement.ts";
import { type InstanceAddress, Replication } from "../replication/replication.ts";
import type { Source } from "../sources/source.ts";
import type { Part, Spool, Written } from "../spool/spool.ts";
import { type Chunk, chunksOf } from "./chunks.ts";
import { LagClock, loopStatus } from "./lag.ts";
import { LastWords } from "./last-words.ts";
import { type EventInput, nameEvent, nameEvents } from "./name-events.ts";
import type { ClientParts, ClientSettings, ClientStatus, PushOptions, ReadOptions } from "./options.ts";
import { Recorder } from "./recorder.ts";

const adoptEveryMs = 10_000;
const flushTimeoutMs = 30_000;

export class Client {
  readonly #env: Env;
  readonly #options: ClientSettings;
  readonly #hash: Sha256;
  readonly #lagClock: LagClock;
  readonly #replication: Replication;
  readonly #openReader: () => Reader | Promise<Reader>;
  readonly #lastWords: LastWords | undefined;
  readonly #recorder: Recorder;
  readonly #opened: Promise<Spool>;
  #reader: Promise<Reader> | undefined;
  readonly #stop = new AbortController();
  readonly #parts = new Set<Part>();
  readonly #trimming = new Map<Part, { again: boolean }>();
  readonly #trimmedTo = new Map<Part, number>();
  /** The cursors that were written last, a part each. */
  readonly #written = new Map<Part, Cursor>();
  #closed: Promise<void> | undefined;

  /** Throws `bad_collection`, `bad_request`. Opens the spool in the background; the first call tells of what that met. */
  constructor(env: Env, options: ClientSettings, parts: ClientParts) {
    this.#env = env;
    this.#options = options;
    this.#hash = options.hash ?? sha256;
    this.#lagClock = new LagClock(env.clock);
    parseCollectionName(options.collection);
    if (options.instances.length === 0)
      throw new EpsilonError("bad_request", "a client needs the address of at least one instance");
    const instances = options.instances.map((url) => ({ url: parseInstanceUrl(url), token: options.token }));
    this.#replication = new Replication(env, {
      instances,
      onRejected: (rejected) => this.#setAside(rejected),
      onMove: (source) => this.#moved(source),
    });
    this.#openReader = () =>
      parts.openReader(env, { instances, ownWrites: (collection) => this.#ownWrites(collection) });
    this.#recorder = new Recorder(env, {
      write: (collection, events) => this.#write(collection, chunksOf(events), undefined),
      onLost: (error) => this.#tell(error),
    });
    this.#lastWords = parts.page && this.#listen(parts.page, instances);
    this.#opened = parts.openSpool(env, (part) => {
      this.#parts.add(part);
      this.#replication.add(part);
    });
    this.#opened.then(
      () => this.#adoptForEver(),
      () => undefined,
    );
  }

  /**
   * Takes an event, and answers its id at once. It is on the disk within 100 ms and replicated in the background; what
   * goes wrong is told to `onError`. Undefined for a bad event.
   */
  record(event: EventInput, options: { readonly collection?: string } = {}): string | undefined {
    try {
      const collection = parseCollectionName(options.collection ?? this.#options.collection);
      if (this.#closed !== undefined) throw closed();
      const named = nameEvent(this.#env, event, this.#hash);
      this.#recorder.add(collection, named);
      return named.id;
    } catch (error) {
      this.#recorder.lose(error, 1);
      return undefined;
    }
  }

  /**
   * Writes events; settles when they are durable where `ack` says. Rejects with what is wrong with an event (nothing is
   * written then), `spool_full`, `disk_full`, `closed`, or `not_acknowledged` (details: how far each instance came).
   */
  async push(
    events: readonly EventInput[],
    options: PushOptions = {},
  ): Promise<{ readonly ids: readonly string[] }> {
    const { ack = "spool", timeoutMs, signal } = options;
    const collection = parseCollectionName(options.collection ?? this.#options.collection);
    if (this.#closed !== undefined) throw closed();
    const named = nameEvents(this.#env, events, this.#hash);
    await this.#append(collection, chunksOf(named), { ack, timeoutMs, signal });
    return { ids: named.map(({ id }) => id) };
  }

  /**
   * The same for events that are named already (`_ts` and `_id`) and written down as lines, each ending in a newline, in
   * chunks of about a thousand: they are not looked at.
   */
  async append(chunks: readonly Chunk[], options: PushOptions = {}): Promise<void> {
    const { ack = "spool", timeoutMs, signal } = options;
    const collection = parseCollectionName(options.collection ?? this.#options.collection);
    if (this.#closed !== undefined) throw closed();
    await this.#append(collection, chunks, { ack, timeoutMs, signal });
  }

  /** Settles when all that was recorded and pushed here is on the instances. Rejects with `not_acknowledged`. */
  async flush(
    options: {
      readonly ack?: "spool" | Acknowledgement;
      readonly timeoutMs?: number;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<void> {
    const { ack = "all", timeoutMs = flushTimeoutMs, signal } = options;
    await this.#opened;
    await this.#recorder.flush();
    if (ack === "spool") return;
    await this.#within({ timeoutMs, signal }, async (limit) => {
      const waits = [...this.#written].map(([part, cursor]) =>
        this.#replication.waitFor(part, { cursor, acknowledgement: ack }, limit),
      );
      await Promise.all(waits);
    });
  }

  /** Sources × instances, as they are now. */
  get states(): readonly ReplicatorState[] {
    return this.#replication.states;
  }

  /** Asks one instance, and another one if that fails or is silent; see `Reader.query`. */
  async query(
    query: string | object,
    options: ReadOptions & { readonly timeoutMs?: number } = {},
  ): Promise<ReadAnswer> {
    const { timeoutMs } = options;
    return (await this.#read()).query(query, { ...(await this.#readable(options)), timeoutMs });
  }

  /** Raw events in key order, each once; see `Reader.events`. */
  async *events(request: EventsRequest & ReadOptions = {}): AsyncGenerator<AnswerRow, void, undefined> {
    yield* (await this.#read()).events({ ...request, ...(await this.#readable(request)) });
  }

  /** New events as they come, until the signal is aborted or the client is closed; see `Reader.tail`. */
  async *tail(
    request: { readonly collection?: string; readonly filter?: string; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<AnswerRow, void, undefined> {
    yield* (await this.#read()).tail({ ...(await this.#readable(request)), filter: request.filter });
  }

  async status(): Promise<ClientStatus> {
    const spool = await this.#opened;
    const loops = this.#replication.loops.map(({ source, state }) =>
      loopStatus(state, this.#partOf(source), this.#lagClock),
    );
    return {
      source: spool.source,
      loops: await Promise.all(loops),
      spoolBytes: spool.sizeBytes,
      spoolBytesMax: spool.bytesMax,
      lostRecords: this.#recorder.lost,
    };
  }

  /** Writes what was recorded to the disk, and ends. What is in the spool goes on being sent when it is opened again. */
  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  async #finish(): Promise<void> {
    const spool = await this.#opened.catch(() => undefined);
    await this.#recorder.flush();
    this.#lastWords?.stop();
    this.#stop.abort(closed());
    await this.#replication.stop();
    await spool?.close();
  }

  async #append(
    collection: string,
    chunks: readonly Chunk[],
    {
      ack,
      timeoutMs,
      signal,
    }: {
      readonly ack: "spool" | Acknowledgement;
      readonly timeoutMs: number | undefined;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<void> {
    await this.#within({ timeoutMs, signal }, async (limit) => {
      const written = await this.#write(collection, chunks, limit);
      if (written === undefined || ack === "spool") return;
      const { part, cursor } = written;
      await this.#replication.waitFor(part, { cursor, acknowledgement: ack }, limit);
    });
  }

  async #write(
    collection: string,
    chunks: readonly Chunk[],
    signal: AbortSignal | undefined,
  ): Promise<Written | undefined> {
    const append = async (chunk: Chunk): Promise<Written> =>
      (await this.#opened).append(collection, chunk, signal);
    const words = this.#lastWords;
    const written = await Promise.all(
      chunks.map((chunk) =>
        words === undefined ? append(chunk) : words.during(collection, chunk.lines, () => append(chunk)),
      ),
    );
    const last = written.at(-1);
    if (last !== undefined) this.#lagClock.note(last.cursor.stream, last.cursor.position);
    if (last !== undefined && this.#isFurther(last)) this.#written.set(last.part, last.cursor);
    return last;
  }

  #read(): Promise<Reader> {
    this.#reader ??= (async () => this.#openReader())().catch((error: unknown) => {
      // The next one who reads tries again.
      this.#reader = undefined;
      throw error;
    });
    return this.#reader;
  }

  /** What is not everywhere yet is sent when the page goes. */
  #listen(page: Page, instances: readonly InstanceAddress[]): LastWords {
    const { token } = this.#options;
    const isFailing = (url: string): boolean =>
      this.#replication.states.some((state) => state.url === url && state.lastError !== null);
    return new LastWords(
      {
        page,
        urls: () =>
          instances.map(({ url }) => url).sort((a, b) => Number(isFailing(a)) - Number(isFailing(b))),
        holders: (part, { cursor }) => this.#replication.holders(part, cursor, part.stream),
        // As the loops post, so that the browser has asked for leave already.
        post: (url, collection) => ({
          url: `${url}${collectionPath(collection)}/events?wait=durable`,
          headers:
            token === undefined
              ? {}
              : { authorization: `Bearer ${token}`, "content-type": "application/x-ndjson" },
        }),
      },
      () => void this.#recorder.flush(),
    );
  }

  /** What a read needs to know; what was recorded before it is written first, if it is to find that. */
  async #readable(options: ReadOptions) {
    const { freshness, signal } = options;
    const collection = parseCollectionName(options.collection ?? this.#options.collection);
    if (this.#closed !== undefined) throw closed();
    if (freshness === "own-writes") await this.#recorder.flush();
    const stop = this.#stop.signal;
    return { collection, freshness, signal: signal === undefined ? stop : AbortSignal.any([signal, stop]) };
  }

  /** The instances that have all that this client wrote to a collection. */
  #ownWrites(collection: string): ReadonlySet<string> | undefined {
    let holders: ReadonlySet<string> | undefined;
    for (const [part, cursor] of this.#written) {
      if (part.collection !== collection) continue;
      const found = this.#replication.holders(part, cursor, part.stream);
      holders = new Set([...found].filter((url) => holders?.has(url) ?? true));
    }
    return holders;
  }

  #isFurther({ part, cursor }: Written): boolean {
    return (this.#written.get(part)?.position ?? 0) < cursor.position;
  }

  /** Gives the work a signal that is aborted when the caller's is, or when the time is over. */
  async #within<T>(
    options: { readonly timeoutMs: number | undefined; readonly signal: AbortSignal | undefined },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { timeoutMs, signal } = options;
    const signals = [this.#stop.signal, ...(signal === undefined ? [] : [signal])];
    if (timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY)
      return work(AbortSignal.any(signals));
    const late = new AbortController();
    const done = new AbortController();
    this.#env.clock.sleep(timeoutMs, done.signal).then(
      () => late.abort(new EpsilonError("not_acknowledged", `${timeoutMs} ms have passed`)),
      () => undefined,
    );
    try {
      return await work(AbortSignal.any([...signals, late.signal]));
    } finally {
      done.abort();
    }
  }

  #partOf(source: Source): Part | undefined {
    return [...this.#parts].find((part) => part === source);
  }

  #moved(source: Source): void {
    const part = this.#partOf(source);
    if (part === undefined) return;
    const running = this.#trimming.get(part);
    if (running !== undefined) {
      running.again = true;
      return;
    }
    const state = { again: true };
    this.#trimming.set(part, state);
    this.#trim(part, state)
      .catch((error: unknown) => this.#tell(error))
      .finally(() => this.#trimming.delete(part));
  }

  async #trim(part: Part, state: { again: boolean }): Promise<void> {
    const spool = await this.#opened;
    while (state.again && !this.#stop.signal.aborted) {
      state.again = false;
      const held = ({ cursor, snapshotted }: ReplicatorState): Cursor | null =>
        this.#options.keep === "snapshotted" ? snapshotted : cursor;
      const position = this.#replication.heldByAll(part, held, part.stream);
      if (position <= (this.#trimmedTo.get(part) ?? 0)) continue;
      await spool.trim(part, position);
      this.#trimmedTo.set(part, position);
    }
  }

  async #setAside(rejected: RejectedBySource): Promise<void> {
    const part = [...this.#parts].find(({ stream }) => stream === rejected.cursor.stream);
    if (part !== undefined) await (await this.#opened).setAside(part, rejected);
    this.#options.onRejected?.(rejected);
  }

  /** What processes leave behind that die while this one lives is looked after too. */
  #adoptForEver(): void {
    const adopt = async (): Promise<void> => {
      const spool = await this.#opened;
      for (;;) {
        await this.#env.clock.sleep(adoptEveryMs, this.#stop.signal);
        await spool.adopt().catch((error: unknown) => this.#tell(error));
      }
    };
    adopt().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#tell(error);
    });
  }

  #tell(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#env.report({ level: "error", event: "client_error", details: { message } });
    this.#options.onError?.(error);
  }
}

function closed(): EpsilonError {
  return new EpsilonError("closed", "the client is closed; make a new one to write");
}
