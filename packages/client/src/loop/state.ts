/** What a loop says of itself, for `status` and metrics. */

import type { Cursor, ErrorCode } from "@epsilon/model";

export type Phase = "asking" | "sending" | "idle" | "waiting" | "stopped";

/** What an instance counts of a source: `received` = `stored` + `duplicates` + `rejected`. */
export interface SourceTotals {
  readonly received: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly conflicts: number;
}

export interface ReplicatorState {
  readonly url: string;
  readonly source: string;
  readonly collection: string;
  /** `waiting`: after an error, for the next attempt. */
  readonly phase: Phase;
  /** null until the instance has answered. */
  readonly instanceId: string | null;
  readonly incarnation: string | null;
  /** Where the instance durably stands in the stream that is sent; null at its beginning, or if it is not known. */
  readonly cursor: Cursor | null;
  /** How much of that stream the instance's snapshots hold, by its own word; it may go back. */
  readonly snapshotted: Cursor | null;
  /**
   * How far the source's end is ahead, as it was seen last, in the source's positions: events for a spool, bytes for a
   * file. null where it is not known or the end is in another stream.
   */
  readonly lag: number | null;
  /** What is in the way now; null when all goes well. */
  readonly lastError: { readonly code: ErrorCode; readonly message: string } | null;
  /** When to try again, on the clock of `elapsedMs`; null while not waiting. */
  readonly retryAtMs: number | null;
  readonly lastAnswerMs: number | null;
  /** Attempts that failed, of all kinds. */
  readonly retries: number;
  /** The instance stood elsewhere than it had said: another client writes the same source. */
  readonly mismatches: number;
  /** What the instance had counted of this source, when it was asked last; null before. */
  readonly totals: SourceTotals | null;
  /** The same when it was asked first. */
  readonly totalsBefore: SourceTotals | null;
  /** Events that the instance refused, each told to `onRejected`. */
  readonly rejected: number;
  /** What was answered as durable since the loop began. */
  readonly deliveredEvents: number;
  readonly deliveredBytes: number;
  /** Events that were posted ahead of a backlog, without a cursor. */
  readonly freshEvents: number;
}
