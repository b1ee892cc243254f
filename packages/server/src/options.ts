/** What a server is made with, and the limits it keeps. */

import { limits } from "@epsilon/model";
import type { EventStore } from "@epsilon/store";
import type { TokenTable } from "./tokens.ts";

export interface ServerLimits {
  /** A body, after decoding. */
  readonly bodyBytesMax: number;
  /** All bodies that are being received or written at one time; beyond it, 429. */
  readonly inFlightBytesMax: number;
  /** The body of a question (a query). */
  readonly questionBytesMax: number;
  /** Keys in one delete. */
  readonly deleteKeysMax: number;
  /** How long a query may take unless it says so itself (`?timeout=`), and at most. */
  readonly queryMsDefault: number;
  readonly queryMsMax: number;
  /** A comment goes to a silent tail this often. */
  readonly heartbeatMs: number;
  /** A tail whose reader takes nothing for this long is broken off; it can resume. */
  readonly tailStallMs: number;
  readonly tailsMax: number;
  /** How long running requests may take to finish when the server closes. */
  readonly closeMs: number;
  /** How long, and how much, of a refused body is read and thrown away so that its sender sees the answer. */
  readonly drainMs: number;
  readonly drainBytesMax: number;
  /** Slow senders: all headers, and the whole request, must have come by then. */
  readonly headersMs: number;
  readonly requestMs: number;
  readonly keepAliveMs: number;
  readonly headerBytesMax: number;
}

const megabyte = 1024 * 1024;

export const defaultServerLimits: ServerLimits = {
  bodyBytesMax: limits.bodyBytesMax,
  inFlightBytesMax: 256 * megabyte,
  questionBytesMax: megabyte,
  deleteKeysMax: limits.batchEventsMax,
  queryMsDefault: 30_000,
  queryMsMax: 600_000,
  heartbeatMs: 15_000,
  tailStallMs: 30_000,
  tailsMax: 1000,
  closeMs: 5000,
  drainMs: 5000,
  drainBytesMax: 256 * megabyte,
  headersMs: 10_000,
  requestMs: 300_000,
  keepAliveMs: 72_000,
  headerBytesMax: 32 * 1024,
};

/** How any server of ours listens, and whom it lets in. */
export interface ListenOptions {
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Who may. Without it everybody who reaches the server may do everything. */
  readonly tokens?: TokenTable | undefined;
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Origins of web pages that may ask, besides the server's own; `*` is any. */
  readonly allowOrigins: readonly string[];
  /** Lets others than this machine in without tokens. */
  readonly insecure: boolean;
}

export interface ServerOptions extends ListenOptions {
  readonly store: EventStore;
  /** The release, as `/v1/instance` names it. */
  readonly version: string;
  readonly limits?: Partial<ServerLimits> | undefined;
  /** An invariant of ours is broken: the process should report it and end. */
  readonly onFatal?: ((error: unknown) => void) | undefined;
}

export interface RunningServer {
  readonly address: { readonly host: string; readonly port: number; readonly url: string };
  /** Takes no more, ends tails, lets running requests finish within a bound. The store stays open. Idempotent. */
  close(): Promise<void>;
}
