/** What snapshots ask of the tables: one moment to read, and a place for their own books. `embedded/` implements it. */

import type { SnapshotInfo } from "../snapshots.ts";
import type { ManifestCollection, Segment } from "./manifest.ts";

/** Where a stream of a source stood. */
export interface SourceCursor {
  readonly collection: string;
  readonly source: string;
  readonly cursor: string;
}

/** A snapshot in the books. */
export interface SnapshotRecord {
  readonly info: SnapshotInfo;
  /** Grows with every snapshot; the clock may not. */
  readonly ordinal: number;
  readonly incarnation: string;
  readonly number: number;
  /** The manifest as it was written; null before, and for a provider's image. */
  readonly manifest: Uint8Array | null;
  /** The commit of this database up to which it holds everything; null if another database wrote it. */
  readonly sequence: number | null;
  readonly cursors: readonly SourceCursor[];
}

/** A file that was put at the destination for a snapshot that is not there yet. */
export interface Piece {
  readonly destination: string;
  readonly collection: string;
  readonly segment: Segment;
}

/** Commits after `from` up to `to`. */
export interface SequenceRange {
  readonly from: number;
  readonly to: number;
}

/** What a written file holds. */
export type Exported = Pick<Segment, "rows" | "digest" | "firstTsMicros" | "lastTsMicros">;

/** One read transaction: everything in it is of one moment. */
export interface Moment {
  /** The last commit. */
  readonly sequence: number;
  readonly collections: readonly Omit<ManifestCollection, "segments">[];
  /** For each range of commits, how many rows (events and tombstones) it still has. */
  countRows(collection: string, ranges: readonly SequenceRange[]): Promise<readonly number[]>;
  /** A commit such that about this share of the range's rows lies between `from` and it. */
  findCut(collection: string, range: SequenceRange, share: number): Promise<number>;
  /** Writes the rows of these commits to a file: Parquet, sorted by key. */
  export(collection: string, range: SequenceRange, path: string): Promise<Exported>;
}

export interface SnapshotBooks {
  readonly records: readonly SnapshotRecord[];
  readonly pieces: readonly Piece[];
  /** The commit at which a collection of this name was last dropped. */
  readonly drops: ReadonlyMap<string, number>;
}

export interface SnapshotTables {
  readBooks(): Promise<SnapshotBooks>;
  /** Adds a record, or replaces the one of the same id. */
  saveRecord(record: SnapshotRecord): Promise<void>;
  removeRecord(id: string): Promise<void>;
  savePiece(piece: Piece): Promise<void>;
  clearPieces(): Promise<void>;
  atOneMoment<T>(work: (moment: Moment) => Promise<T>, signal: AbortSignal): Promise<T>;
}
