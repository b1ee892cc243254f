/** What the server's tests share: a server over a memory store in a folder of its own, and a plain HTTP client. */

import { mkdtemp, rm } from "node:fs/promises";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNodeEnv, type Env, type ReportEvent } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { type EventStore, noSnapshots, openMemoryStore } from "@epsilon/store";
import type { RunningServer, ServerOptions } from "./options.ts";
import { createServer } from "./server.ts";

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body as JSON; `{}` if it is none. */
  readonly json: Record<string, unknown>;
  /** The code of the error in the body. */
  readonly code: string | undefined;
}

export interface Ask {
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
  readonly agent?: http.Agent;
}

export type FixtureOptions = Partial<ServerOptions> & { readonly env?: Partial<Env> };

/** A running server. */
export class Fixture {
  readonly server: RunningServer;
  readonly store: EventStore;
  readonly reports: ReportEvent[];
  readonly #directory: string;
  readonly #agent: http.Agent;

  private constructor(parts: Pick<Fixture, "server" | "store" | "reports"> & { readonly directory: string }) {
    this.server = parts.server;
    this.store = parts.store;
    this.reports = parts.reports;
    this.#directory = parts.directory;
    const isTls = parts.server.address.url.startsWith("https:");
    this.#agent = isTls
      ? new https.Agent({ keepAlive: true, rejectUnauthorized: false })
      : new http.Agent({ keepAlive: true });
  }

  static async open(options: FixtureOptions = {}): Promise<Fixture> {
    const directory = await mkdtemp(join(tmpdir(), "epsilon-server-"));
    const reports: ReportEvent[] = [];
    const env = { ...createNodeEnv({ report: (event) => reports.push(event) }), ...options.env };
    const store = options.store ?? (await openMemoryStore(env, { directory }));
    const server = await createServer(env, {
      listen: { host: "127.0.0.1", port: 0 },
      allowOrigins: [],
      insecure: false,
      version: "1.2.3",
      ...options,
      store,
    }).catch(async (error: unknown) => {
      await store.close();
      await rm(directory, { recursive: true, force: true });
      throw error;
    });
    return new Fixture({ server, store, reports, directory });
  }

  get port(): number {
    return this.server.address.port;
  }

  /** Sends a request and reads the whole answer; rejects if it breaks off. */
  ask(method: string, path: string, options: Ask = {}): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const request = this.begin(method, path, options);
      request.once("error", reject);
      request.once("response", (response) => {
        readReply(response).then(resolve, reject);
      });
      request.end(options.body);
    });
  }

  get(path: string, headers: http.OutgoingHttpHeaders = {}): Promise<Reply> {
    return this.ask("GET", path, { headers });
  }

  post(path: string, body: unknown, headers: http.OutgoingHttpHeaders = {}): Promise<Reply> {
    const isPlain = typeof body === "string" || body instanceof Uint8Array;
    return this.ask("POST", path, { headers, body: isPlain ? body : JSON.stringify(body) });
  }

  /** A request whose body is still to be sent. */
  begin(method: string, path: string, options: Ask = {}): http.ClientRequest {
    const { headers = {}, agent = this.#agent } = options;
    const client = this.server.address.url.startsWith("https:") ? https : http;
    return client.request({
      host: "127.0.0.1",
      port: this.port,
      method,
      path,
      headers,
      agent,
      setHost: !("host" in headers),
    });
  }

  async end(): Promise<void> {
    this.#agent.destroy();
    await this.server.close();
    await this.store.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** Runs a test against a server of its own. */
export async function withServer(
  options: FixtureOptions,
  work: (fixture: Fixture) => Promise<void>,
): Promise<void> {
  const fixture = await Fixture.open(options);
  try {
    await work(fixture);
  } finally {
    await fixture.end();
  }
}

export async function readReply(response: http.IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const text = bytes.toString();
  const json = parsed(text);
  const error = json["error"] as { readonly code?: string } | undefined;
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    bytes,
    text,
    json,
    code: error?.code,
  };
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** A store that can do only what a test says; everything else is refused. */
export function fakeStore(overrides: Partial<EventStore>): EventStore {
  const refuse = (): never => {
    throw new EpsilonError("internal", "this test's store cannot do that");
  };
  return {
    identity: { id: "fake", incarnation: "1", startedAtMicros: 0n, restoredFrom: null },
    write: refuse,
    deleteKeys: refuse,
    deleteWhere: refuse,
    dropCollection: refuse,
    collections: async () => [],
    fields: refuse,
    sources: refuse,
    forgetSource: refuse,
    query: refuse,
    scan: refuse,
    tail: refuse,
    conflicts: refuse,
    check: refuse,
    comparing: { digests: refuse, keys: refuse, eventsOf: refuse },
    snapshots: noSnapshots(),
    statistics: refuse,
    close: async () => {},
    ...overrides,
  };
}

/** A promise and its ends. */
export function deferred<T = void>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  return { promise, resolve, reject };
}

/** The port that a plain node server got. */
export function portOf(server: http.Server): number {
  return (server.address() as AddressInfo).port;
}

/** A UUID that ends in a number. */
export function uuid(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}

/** An event with a time (seconds after 2026-01-01) and an id. */
export function event(second: number, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { _ts: Date.UTC(2026, 0, 1) + second * 1000, _id: uuid(second), ...fields };
}

/** Events as the body of a write. */
export function ndjson(events: readonly unknown[]): string {
  return events.map((each) => `${JSON.stringify(each)}\n`).join("");
}

/** The lines of an NDJSON answer. */
export function lines(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
