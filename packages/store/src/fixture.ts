/** What the store's tests share: a store of either kind in a folder of its own, verbs, and a check at the end. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { createNodeEnv, type Env } from "@epsilon/env";
import { type Log, openLog } from "@epsilon/log";
import { encodeHeader } from "./core/frames.ts";
import { defaultStoreLimits } from "./core/store-limits.ts";
import { eventsHeader } from "./core/write-answer.ts";
import type { EventStore, SourceClaim, WriteAnswer, WriteRequest } from "./event-store.ts";
import { type OpenOptions, openEmbeddedStore, openMemoryStore } from "./open.ts";
import { prepare } from "./prepare/prepare.ts";

export type StoreKind = "embedded" | "memory";
export const storeKinds: readonly StoreKind[] = ["embedded", "memory"];

/** 2026-01-15T12:00:00Z. */
export const fixedNowMicros = 1_768_478_400_000_000n;

/** Node's world with a clock that stands at `fixedNowMicros` unless a test moves it. */
export function testEnv(): Env & { nowMicros: bigint } {
  const env = createNodeEnv({ report: () => {} });
  const world = {
    ...env,
    nowMicros: fixedNowMicros,
    clock: {
      ...env.clock,
      nowMicros: (): bigint => world.nowMicros,
      elapsedMs: () => env.clock.elapsedMs(),
      sleep: env.clock.sleep.bind(env.clock),
    },
  };
  return world;
}

export interface WriteOptions {
  readonly collection?: string;
  readonly claim?: SourceClaim;
  readonly wait?: "durable" | "applied";
  readonly appendOnly?: boolean;
}

/** A store that can be closed, crashed and opened again. */
export class StoreFixture {
  readonly env = testEnv();
  readonly #kind: StoreKind;
  readonly #options: Omit<OpenOptions, "directory">;
  readonly directory: string;
  store: EventStore;

  private constructor(kind: StoreKind, directory: string, options: Omit<OpenOptions, "directory">) {
    this.#kind = kind;
    this.directory = directory;
    this.#options = options;
    this.store = undefined as unknown as EventStore;
  }

  static async open(kind: StoreKind, options: Omit<OpenOptions, "directory"> = {}): Promise<StoreFixture> {
    const directory = await mkdtemp(join(tmpdir(), "epsilon-store-"));
    const fixture = new StoreFixture(kind, directory, options);
    await fixture.start();
    return fixture;
  }

  /** A folder that another fixture has closed, with other options. */
  static async reopen(
    kind: StoreKind,
    directory: string,
    options: Omit<OpenOptions, "directory">,
  ): Promise<StoreFixture> {
    const fixture = new StoreFixture(kind, directory, options);
    await fixture.start();
    return fixture;
  }

  async start(): Promise<void> {
    const options = { ...this.#options, directory: this.directory };
    this.store = await (this.#kind === "embedded" ? openEmbeddedStore : openMemoryStore)(this.env, options);
  }

  async restart(): Promise<void> {
    await this.store.close();
    await this.start();
  }

  /** Writes lines or events; `body` may be text. */
  write(body: string | readonly unknown[], options: WriteOptions = {}): Promise<WriteAnswer> {
    return this.store.write(requestOf(body, options));
  }

  /** A crash between log and apply: the batch is in the log, the tables never saw it. */
  async crashAfterLogging(body: readonly unknown[], options: WriteOptions = {}): Promise<void> {
    await this.store.close();
    const request = requestOf(body, options);
    const prepared = prepare(request.body, {
      nowMicros: this.env.nowMicros,
      random: (count) => this.env.random.bytes(count),
      appendOnly: false,
      named: request.claim !== undefined,
      horizonMicros: null,
      hashesIds: false,
    });
    const log = await this.openLog();
    const header = encodeHeader(eventsHeader(request, prepared, this.env.nowMicros));
    await log.append(header, prepared.lines.length === 0 ? [] : [prepared.lines]).durable;
    await log.close();
    await this.start();
  }

  /** The log of a closed store, where its tables stand. */
  async openLog(): Promise<Log> {
    const directory = `${this.directory}/log`;
    const { logFileBytesMax: fileBytesMax } = defaultStoreLimits;
    if (this.#kind === "memory") return openLog(this.env, { directory, fileBytesMax });
    const instance = await DuckDBInstance.create(`${this.directory}/data.duckdb`);
    const connection = await instance.connect();
    const [position] = (await connection.runAndReadAll("SELECT applied FROM epsilon.position")).getRows();
    connection.closeSync();
    instance.closeSync();
    return openLog(this.env, { directory, fileBytesMax, firstOffset: Number(position?.[0]) });
  }

  /** All events of a collection as parsed lines, in key order. */
  async events(collection = "events"): Promise<readonly Record<string, unknown>[]> {
    const scan = await this.store.scan({ collection, filters: [], order: "asc" }, {});
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of scan.chunks) text += decoder.decode(chunk.ndjson);
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Checks the whole store, closes it and removes its folder. */
  async end(options: { readonly sound?: boolean } = {}): Promise<void> {
    const report = await this.store.check({});
    if (options.sound !== false) assert.deepEqual(report.findings, []);
    await this.store.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

export function requestOf(body: string | readonly unknown[], options: WriteOptions): WriteRequest {
  const text = typeof body === "string" ? body : body.map((event) => `${JSON.stringify(event)}\n`).join("");
  return {
    collection: options.collection ?? "events",
    body: new TextEncoder().encode(text),
    wait: options.wait ?? "applied",
    appendOnly: options.appendOnly ?? false,
    ...(options.claim === undefined ? {} : { claim: options.claim }),
  };
}

/** A UUID that ends in a number. */
export function uuid(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}

/** An event with a time (seconds after 2026-01-01) and an id. */
export function event(second: number, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { _ts: Date.UTC(2026, 0, 1) + second * 1000, _id: uuid(second), ...fields };
}
