/** Instances that answer reads from a list of events, as slowly, wrongly or briefly as a test wants. */

import type { NetworkRequest, NetworkResponse } from "@epsilon/env";
import { noAnswer, type SimEnv } from "@epsilon/env/testing";
import { EpsilonError, must } from "@epsilon/model";
import { until } from "../loop/loop.fixture.ts";

export interface ReadableEvent {
  readonly _ts: string;
  readonly _id: string;
  readonly n: number;
}

/** The time of a second of the test's hour. */
export const second = (at: number) =>
  new Date(1_767_225_600_000 + at * 1000).toISOString().replace("Z", "000Z");
export const idOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
export const eventOf = (n: number, atSeconds = n): ReadableEvent => ({
  _ts: second(atSeconds),
  _id: idOf(n),
  n,
});

export type ReadFate =
  | { readonly kind: "refuse"; readonly status: number; readonly code: string }
  | { readonly kind: "hang" };

export class ReadableInstance {
  readonly origin: string;
  readonly #env: SimEnv;
  readonly #id: string;
  #incarnation = 1;
  events: readonly ReadableEvent[] = [];
  answerMs = 1;
  /** By source, the cursor of its one stream. */
  cursors: Readonly<Record<string, string>> = {};
  /** What happens to a request; undefined: it is answered. */
  fate: (request: NetworkRequest) => ReadFate | undefined = () => undefined;
  /** After how many lines the next streams of events break off, in order. */
  cuts: number[] = [];
  /** Method, path and parameters. */
  readonly seen: string[] = [];
  aborted = 0;
  readonly #tails = new Set<(event: ReadableEvent | "cut") => void>();

  constructor(env: SimEnv, name: string) {
    this.#env = env;
    this.#id = name;
    this.origin = `http://${name}:4320`;
    env.network.serve(this.origin, (request) => this.#handle(request));
  }

  count(part: string): number {
    return this.seen.filter((one) => one.includes(part)).length;
  }

  get openTails(): number {
    return this.#tails.size;
  }

  /** From now on it refuses everything. */
  refuse(status: number, code: string): void {
    this.fate = () => ({ kind: "refuse", status, code });
  }

  restart(): void {
    this.#incarnation += 1;
  }

  /** An event arrives, and goes to those who follow. */
  write(event: ReadableEvent): void {
    this.events = [...this.events, event];
    for (const give of [...this.#tails]) give(event);
  }

  cutTails(): void {
    for (const give of [...this.#tails]) give("cut");
  }

  async #handle(request: NetworkRequest): Promise<NetworkResponse> {
    const { method, signal } = request;
    const url = new URL(request.url);
    this.seen.push(`${method} ${url.pathname}${url.search} ${request.headers["last-event-id"] ?? ""}`);
    let isOver = false;
    signal?.addEventListener("abort", () => {
      if (!isOver) this.aborted += 1;
    });
    const fate = this.fate(request);
    if (fate?.kind === "hang") return new Promise<never>(() => undefined);
    await this.#env.clock.sleep(this.answerMs);
    isOver = true;
    if (fate?.kind === "refuse") {
      const error = { error: { code: fate.code, message: `simulated ${fate.code}` } };
      return this.#response(fate.status, [JSON.stringify(error)]);
    }
    if (url.pathname.endsWith("/query")) return this.#response(200, [JSON.stringify(this.#answer(request))]);
    if (url.pathname.endsWith("/sources")) {
      const sources = Object.entries(this.#sources()).map(([source, streams]) => ({ source, streams }));
      return this.#response(200, [JSON.stringify({ sources })]);
    }
    if (url.pathname.endsWith("/tail")) return this.#response(200, this.#tail(request));
    return this.#response(200, this.#scan(url.searchParams));
  }

  #answer({ body }: NetworkRequest) {
    const query = JSON.parse(new TextDecoder().decode(body)) as { sources?: boolean };
    const meta = { instance: this.#id, elapsed_ms: 1, events_scanned: this.events.length, notes: [] };
    const sources = query.sources === true ? { sources: this.#sources() } : {};
    return { query, summary: [{ count: this.events.length }], meta: { ...meta, ...sources } };
  }

  #sources(): Record<string, unknown[]> {
    const rest = { snapshotted: null, gaps: [], updated_at: "" };
    return Object.fromEntries(
      Object.entries(this.cursors).map(([source, cursor]) => [
        source,
        [{ stream: must(cursor.split(":")[0]), cursor, ...rest }],
      ]),
    );
  }

  async *#scan(parameters: URLSearchParams): AsyncGenerator<string> {
    const start = parameters.get("start") ?? "";
    const end = parameters.get("end") ?? "~";
    const limit = Number(parameters.get("limit") ?? Number.POSITIVE_INFINITY);
    const key = ({ _ts, _id }: ReadableEvent) => `${_ts} ${_id}`;
    const found = this.events
      .filter(({ _ts }) => start <= _ts && _ts < end)
      .toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
    if (parameters.get("order") === "desc") found.reverse();
    const cut = this.cuts.shift();
    // The head has been sent before anything breaks off.
    yield "";
    for (const [index, event] of found.slice(0, limit).entries()) {
      const line = `${JSON.stringify(event)}\n`;
      if (index === cut) {
        yield line.slice(0, 20);
        throw noAnswer(this.origin);
      }
      yield line;
    }
    if (cut !== undefined) throw noAnswer(this.origin);
  }

  /** Ids are places in the list; the run stands in them, as another one cannot read them. */
  async *#tail({ headers, signal }: NetworkRequest): AsyncGenerator<string> {
    const run = `${this.#id}.${this.#incarnation}`;
    const [, after] = (headers["last-event-id"] ?? "").split("-");
    let next = headers["last-event-id"]?.startsWith(`${run}-`) ? Number(after) + 1 : this.events.length;
    let isCut = false;
    let wake: () => void = () => undefined;
    const give = (event: ReadableEvent | "cut"): void => {
      if (event === "cut") isCut = true;
      wake();
    };
    this.#tails.add(give);
    const stop = () => wake();
    signal?.addEventListener("abort", stop);
    try {
      yield "retry: 1000\n\n";
      while (signal?.aborted !== true) {
        if (isCut) throw new EpsilonError("unreachable", "cut");
        const event = this.events[next];
        if (event === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        yield `id: ${run}-${next}\ndata: ${JSON.stringify(event)}\n\n`;
        next += 1;
      }
    } finally {
      this.#tails.delete(give);
    }
  }

  #response(status: number, texts: Iterable<string> | AsyncIterable<string>): NetworkResponse {
    async function* body() {
      for await (const text of texts) yield new TextEncoder().encode(text);
    }
    return {
      status,
      headers: { "epsilon-instance": `${this.#id}/run${this.#incarnation}` },
      body: body(),
    };
  }
}

/** Lets time run until a promise settles. */
export async function soon<T>(env: SimEnv, promise: Promise<T>): Promise<T> {
  let isOver = false;
  const over = promise.finally(() => {
    isOver = true;
  });
  over.catch(() => undefined);
  await until(env, () => isOver);
  return over;
}

/** Lets time run a millisecond at a time until a promise settles; also how long that took. */
export async function timed<T>(env: SimEnv, promise: Promise<T>): Promise<{ value: T; tookMs: number }> {
  const startMs = env.clock.elapsedMs();
  let isOver = false;
  const over = promise.finally(() => {
    isOver = true;
  });
  over.catch(() => undefined);
  await env.advance(0);
  for (let step = 0; step < 100_000 && !isOver; step += 1) await env.advance(1);
  return { value: await over, tookMs: env.clock.elapsedMs() - startMs };
}
