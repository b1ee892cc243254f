/** What a client is made with, and what its calls take and answer. */

import type { Env } from "@epsilon/env";
import type { Page } from "@epsilon/env/browser";
import type { Sha256 } from "@epsilon/model";
import type { RejectedBySource } from "../loop/rejected.ts";
import type { Freshness, InstancesOptions } from "../reads/instances.ts";
import type { Reader } from "../reads/reader.ts";
import type { Acknowledgement } from "../replication/acknowledgement.ts";
import type { OpenSpool } from "../spool/spool.ts";
import type { LoopStatus } from "./lag.ts";

export interface ClientSettings {
  /** The addresses of all instances. Adding, removing and reordering them loses nothing. */
  readonly instances: readonly string[];
  /** Where events go unless a call says otherwise. */
  readonly collection: string;
  /** How long the spool keeps an event: until every instance has it, or has it in a snapshot. */
  readonly keep?: "acknowledged" | "snapshotted";
  readonly token?: string;
  /** What the source's name begins with; the machine's name unless given. */
  readonly source?: string;
  readonly spoolBytesMax?: number;
  /** Told of recorded events that are lost (a bad event, a full disk, a full spool), and of what goes wrong in the background. */
  readonly onError?: (error: unknown) => void;
  /** Told of events that an instance refused; they are in the part's `dead-letters.ndjson` as well. */
  readonly onRejected?: (rejected: RejectedBySource) => void;
  /** A faster SHA-256 than the one in plain JavaScript. */
  readonly hash?: Sha256;
}

/** What the client stands on, which differs between Node and browsers. */
export interface ClientParts {
  readonly openSpool: OpenSpool;
  /** Called when somebody reads for the first time. */
  readonly openReader: (env: Env, options: InstancesOptions) => Reader | Promise<Reader>;
  /** Undefined where the client is not on a page that can be left. */
  readonly page?: Page | undefined;
}

export interface PushOptions {
  /** When it counts as written: on this disk, or on so many instances. */
  readonly ack?: "spool" | Acknowledgement;
  readonly collection?: string;
  /** Beyond this it rejects; what is in the spool by then is sent all the same. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface ReadOptions {
  readonly collection?: string;
  /** Which instance may answer; `any` unless given. */
  readonly freshness?: Freshness;
  readonly signal?: AbortSignal;
}

export interface ClientStatus {
  /** What instances know the spool by. */
  readonly source: string;
  /** Sources × instances. */
  readonly loops: readonly LoopStatus[];
  readonly spoolBytes: number;
  readonly spoolBytesMax: number;
  readonly lostRecords: number;
}
