/**
 * What can be read again from a cursor: a file, a spool. Everything else follows from this: an instance that was
 * down, one that was set back and a new one all stand at an older cursor, and are sent what comes after it.
 */

import type { Cursor, Gap } from "@epsilon/model";

/** A stretch of a source, the same bytes whoever reads it. Sources cut alike each time; the loop joins chunks to batches. */
export interface SourceChunk {
  /** The cursor that these events follow; null at the beginning of a stream. */
  readonly after: Cursor | null;
  /** The cursor that they lead to. */
  readonly cursor: Cursor;
  /** 0 where only the cursor moves (comments, blank lines, records that are no events). */
  readonly events: number;
  /** Named events (`_ts` and `_id`) as NDJSON, each line ending in a newline. */
  readonly lines: Uint8Array;
  /** On which line of a file each event stands, from 1; absent where that says nothing. */
  readonly lineNumbers?: readonly number[];
}

/** Where to go on for an instance. */
export interface ResumePoint {
  /** The first chunk to send is the one that follows this position; null: from the beginning of the stream. */
  readonly after: Cursor | null;
  /** What the source no longer has in front of that chunk, to be recorded with it. */
  readonly gap: Gap | null;
}

export interface Source {
  /** Whether events are written to it now: what is added at its end may go ahead of a backlog. Not so for a file read once. */
  readonly isLive?: boolean;
  /** As the instances know it: `HOST/path`, say. */
  readonly name: string;
  readonly collection: string;
  /**
   * Takes the cursors at which an instance stands, one a stream, and says where to go on:
   * mine, and the check agrees: from there; mine, but before the oldest that is still held: from the oldest, with a gap;
   * beyond the end, or the check disagrees: this is not the source's life, so a new stream begins with all that is held.
   */
  resume(standing: readonly Cursor[]): Promise<ResumePoint>;
  /** The chunks after a resume point, up to the end as it is when it is reached. */
  read(from: ResumePoint): AsyncIterable<SourceChunk>;
  /** How far the source reaches, durably; null if it is empty. */
  end(): Promise<Cursor | null>;
  /** Settles when there may be something after this cursor; never if the source has ended for good. Rejects when aborted. */
  more(after: Cursor | null, signal: AbortSignal): Promise<void>;
}

/** A source that comes to an end: a file, read once. */
export interface FiniteSource extends Source {
  /** Where its events end, null if there are none, once somebody has read it. Rejects if it cannot be read to its end. */
  finished(): Promise<Cursor | null>;
  /** Grows as it is read. */
  readonly bytesRead: number;
}
