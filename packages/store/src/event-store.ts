/**
 * What stands between the HTTP server and the data: one interface, two implementations (embedded on DuckDB, and in
 * memory), one conformance suite. Every method rejects with an EpsilonError.
 */

import type { ErrorCode, EventKey, FieldType } from "@epsilon/model";
import type { Answer, Filter, Query } from "@epsilon/query";
import type { Comparing } from "./comparing.ts";
import type { Snapshots } from "./snapshots.ts";

/** Who is answering. The incarnation is drawn anew at every start. */
export interface InstanceIdentity {
  readonly id: string;
  readonly incarnation: string;
  readonly startedAtMicros: bigint;
  /** The snapshot this data came from, if it was restored. */
  readonly restoredFrom: string | null;
}

/** What a source says with a batch. */
export interface SourceClaim {
  readonly source: string;
  /** The cursor that the batch follows; null at the beginning of a stream, "*" with a gap. */
  readonly after: string | null;
  /** The cursor that it leads to. */
  readonly cursor: string;
  readonly gap?: { readonly from: number | null; readonly to: number; readonly reason: string };
}

export interface WriteRequest {
  readonly collection: string;
  /** The body, decoded: JSON objects one after another, or an array. */
  readonly body: Uint8Array;
  readonly claim?: SourceClaim;
  /** `durable` settles when the batch is in the log; `applied` when it can be queried, with counts. */
  readonly wait: "durable" | "applied";
  /** The token may only append: `_rev` and `_deleted` are refused (`forbidden_field`). */
  readonly appendOnly: boolean;
}

export interface Rejection {
  readonly index: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/** The answer to a write, in the contract's words. */
export interface WriteAnswer {
  readonly received: number;
  /** null when only durability was waited for. */
  readonly stored: number | null;
  readonly duplicates: number | null;
  readonly rejected: readonly Rejection[];
  readonly conflicts: readonly { readonly index: number; readonly kept: "given" | "existing" }[];
  readonly cursor: string | null;
  readonly snapshotted: string | null;
}

export interface CollectionInfo {
  readonly name: string;
  readonly events: number;
  readonly firstTsMicros: bigint | null;
  readonly lastTsMicros: bigint | null;
  readonly bytesOnDisk: number;
  /** Milliseconds, or null for ever. */
  readonly retentionMs: number | null;
}

export interface FieldInfo {
  readonly name: string;
  readonly types: readonly FieldType[];
  readonly events: number;
}

export interface StreamInfo {
  readonly stream: string;
  readonly cursor: string;
  readonly snapshotted: string | null;
  readonly gaps: readonly { readonly from: number | null; readonly to: number; readonly reason: string }[];
  readonly updatedAtMicros: bigint;
}

export interface SourceInfo {
  readonly source: string;
  readonly streams: readonly StreamInfo[];
  readonly received: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly conflicts: number;
}

/** Limits on one question. */
export interface ReadOptions {
  readonly signal?: AbortSignal;
  /** How long it may take. */
  readonly deadlineMs?: number;
}

export interface ScanRequest {
  readonly collection: string;
  /** Time bounds as the contract writes them (RFC 3339, date, `now`, `7d`), start inclusive, end exclusive. */
  readonly start?: string;
  readonly end?: string;
  readonly filters: readonly Filter[];
  readonly order: "asc" | "desc";
  readonly limit?: number;
  /** The opaque `next` of an earlier answer. */
  readonly after?: string;
}

/** A stretch of raw events: whole NDJSON lines, each ending in a newline. */
export interface ScanChunk {
  readonly ndjson: Uint8Array;
  readonly events: number;
}

export interface Scan {
  /** Opaque: what `after` continues from once `limit` is reached; null when there is nothing more. Known up front. */
  readonly next: string | null;
  readonly chunks: AsyncIterable<ScanChunk>;
}

/** One change, for `tail`: `id` resumes after it. */
export interface TailEvent {
  readonly id: string;
  /** The event as a line of JSON, without the newline. */
  readonly json: string;
}

export interface CheckFinding {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** What a whole-store check found. Sound if there is no finding. */
export interface CheckReport {
  readonly sound: boolean;
  readonly collections: readonly {
    readonly name: string;
    readonly events: number;
    readonly tombstones: number;
  }[];
  readonly events: number;
  /** Lines that the tables refused and that are kept aside. */
  readonly setAside: number;
  /** Frames of the log that were read and verified. */
  readonly logFrames: number;
  readonly findings: readonly CheckFinding[];
}

/** Figures for `/metrics` and `/v1/instance`. */
export interface StoreStatistics {
  readonly logBytes: number;
  readonly waitingBytes: number;
  readonly waitingEvents: number;
  readonly appliedGroups: number;
  readonly receivedEvents: number;
  readonly storedEvents: number;
  readonly duplicateEvents: number;
  readonly rejectedEvents: number;
  readonly conflictEvents: number;
  readonly setAsideEvents: number;
  readonly lastApplyMs: number;
  readonly runningQueries: number;
  readonly databaseBytes: number;
  /** Why nothing is purged although a retention is set (the clock jumped), or null. */
  readonly purgingStopped: string | null;
}

export interface EventStore {
  readonly identity: InstanceIdentity;
  /** Writes a batch. See the contract, "Writing". */
  write(request: WriteRequest): Promise<WriteAnswer>;
  /** Writes tombstones; answers how many events became deleted. */
  deleteKeys(collection: string, keys: readonly EventKey[]): Promise<number>;
  /** Deletes what matches all filters. */
  deleteWhere(collection: string, filters: readonly Filter[], options: ReadOptions): Promise<number>;
  /** Forgets a collection on this instance: events, tombstones, cursors. */
  dropCollection(collection: string): Promise<void>;
  collections(): Promise<readonly CollectionInfo[]>;
  fields(collection: string): Promise<readonly FieldInfo[]>;
  /** Empty for an unknown collection or source. */
  sources(collection: string, source?: string): Promise<readonly SourceInfo[]>;
  forgetSource(collection: string, source: string): Promise<void>;
  query(collection: string, query: Query, options: ReadOptions): Promise<Answer>;
  scan(request: ScanRequest, options: ReadOptions): Promise<Scan>;
  /** New events as they come, from `after` (a tail id) or from now. Ends when the signal is aborted or the store closes. */
  tail(
    collection: string,
    request: { readonly filters: readonly Filter[]; readonly after?: string; readonly signal: AbortSignal },
  ): AsyncIterable<TailEvent>;
  /** The most recent conflicts, newest first, at most 1,000. */
  conflicts(
    collection: string,
  ): Promise<readonly { readonly key: EventKey; readonly kept: string; readonly lost: string }[]>;
  /** Reads every row and verifies it. */
  check(options: ReadOptions): Promise<CheckReport>;
  /** What two instances are compared and repaired by. */
  readonly comparing: Comparing;
  readonly snapshots: Snapshots;
  statistics(): StoreStatistics;
  /** Takes no more, finishes what waits, and closes. Idempotent. */
  close(): Promise<void>;
}
