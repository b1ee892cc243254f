/**
 * What the store's core asks of the tables beneath it: apply frames, answer reads. Two implementations: DuckDB
 * (`embedded/`) and maps (`memory/`). Durability is the log's work; tables only promise that a group of frames is
 * applied as a whole or not at all, together with the log offset it leads to.
 */

import type { EventKey } from "@epsilon/model";
import type { Answer, Filter, Query } from "@epsilon/query";
import type { DigestPart, DigestRequest, KeyRange } from "../comparing.ts";
import type {
  CheckReport,
  CollectionInfo,
  FieldInfo,
  ReadOptions,
  Scan,
  ScanChunk,
  ScanRequest,
  SourceInfo,
} from "../event-store.ts";
import type { SnapshotTables } from "../snapshots/snapshot-tables.ts";
import type { LoggedFrame } from "./frames.ts";

/** What became of a frame's lines. Line numbers count from 0 within the frame. */
export interface FrameOutcome {
  readonly stored: number;
  readonly duplicates: number;
  readonly conflicts: readonly { readonly line: number; readonly kept: "given" | "existing" }[];
  /** Lines that the tables refused for good; they are kept aside. */
  readonly setAside: readonly number[];
}

/** Where the tables stand when they are opened. */
export interface TablesState {
  readonly instanceId: string;
  /** Drawn when the tables were made; part of a tail's ids. */
  readonly databaseId: string;
  /** The log offset up to which frames are applied. */
  readonly appliedOffset: number;
  readonly collections: readonly string[];
  readonly horizons: readonly { readonly collection: string; readonly horizonMicros: bigint }[];
  readonly cursors: readonly {
    readonly collection: string;
    readonly source: string;
    readonly cursor: string;
  }[];
  /** Times in which the tables have keys, as closed ranges. They may be wider than what is there. */
  readonly covered: readonly { readonly collection: string; readonly from: bigint; readonly to: bigint }[];
  readonly restoredFrom: string | null;
  /** The last wall time that the tables remember, microseconds; null when new. */
  readonly clockMicros: bigint | null;
}

/** A change as the feed gives it: everything in the order of commits. */
export interface Change {
  readonly sequence: number;
  readonly tsMicros: bigint;
  readonly id: string;
  readonly json: string;
}

/** A place in the change feed: after this row of this commit. */
export interface ChangePosition {
  readonly sequence: number;
  readonly tsMicros: bigint;
  readonly id: string;
}

export interface Tables {
  readonly state: TablesState;
  /** What is applied survives the process, so the log before it may go. */
  readonly durable: boolean;
  /** Number of the last commit. */
  readonly sequence: number;
  /** Applies frames in order, as one transaction; the outcomes are in the same order. */
  apply(frames: readonly LoggedFrame[]): Promise<readonly FrameOutcome[]>;
  /** Remembers the wall time, to notice a clock that jumped while the instance was down. */
  rememberClock(micros: bigint): Promise<void>;
  collections(): Promise<readonly Omit<CollectionInfo, "retentionMs">[]>;
  fields(collection: string): Promise<readonly FieldInfo[]>;
  sources(collection: string, source?: string): Promise<readonly SourceInfo[]>;
  conflicts(collection: string): Promise<
    readonly {
      readonly key: { readonly tsMicros: bigint; readonly id: string };
      readonly kept: string;
      readonly lost: string;
    }[]
  >;
  query(collection: string, query: Query, options: ReadOptions): Promise<Answer>;
  scan(request: ScanRequest, options: ReadOptions): Promise<Scan>;
  /** Changes after a position, at most `limit`, in feed order. */
  changes(
    collection: string,
    request: {
      readonly after: ChangePosition;
      readonly filters: readonly Filter[];
      readonly limit: number;
      readonly signal: AbortSignal;
    },
  ): Promise<readonly Change[]>;
  /** The keys of the events that match, in stretches that a batch can hold; sees one moment. */
  matchingKeys(
    collection: string,
    filters: readonly Filter[],
    options: ReadOptions,
  ): AsyncIterable<readonly EventKey[]>;
  /** See EventStore; the collection is there. */
  digests(
    collection: string,
    request: DigestRequest,
    options: ReadOptions,
  ): Promise<readonly (readonly DigestPart[])[]>;
  keys(collection: string, range: KeyRange, options: ReadOptions): AsyncIterable<ScanChunk>;
  eventsOf(collection: string, keys: readonly EventKey[], options: ReadOptions): AsyncIterable<ScanChunk>;
  /** Nothing was applied for a while: a good moment to put things in order. Never rejects for what can wait. */
  rest(): Promise<void>;
  check(options: ReadOptions): Promise<Omit<CheckReport, "logFrames">>;
  /** Set aside so far, running queries, bytes on disk. */
  figures(): { readonly setAside: number; readonly runningQueries: number; readonly bytes: number };
  /** What snapshots are made from; null where there can be none. */
  readonly snapshots: SnapshotTables | null;
  close(): Promise<void>;
}
