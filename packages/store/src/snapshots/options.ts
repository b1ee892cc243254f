/** What the snapshots of an instance are given. */

import type { Objects } from "@epsilon/objects";
import type { InstanceIdentity } from "../event-store.ts";
import type { Keeping } from "./keeping.ts";
import type { SnapshotTables, SourceCursor } from "./snapshot-tables.ts";

/** Rows that a file has at most, about: a sort of so many fits into memory, and a broken-off upload costs little. */
export const rowsPerFileDefault = 2_000_000;
export interface SnapshotOptions {
  /** Where they go; null if the instance makes none. */
  readonly objects: Objects | null;
  /** How often one is made; null if by hand only. */
  readonly everyMs: number | null;
  readonly keeping: Keeping;
  readonly rowsPerFile: number;
  /** A folder of our own for files on their way. */
  readonly scratch: string;
}

export interface SnapshotterParts extends SnapshotOptions {
  readonly tables: SnapshotTables;
  readonly identity: InstanceIdentity;
  /** Where every source stands, as far as it is durable: what a provider's image holds. */
  readonly durableCursors: () => readonly SourceCursor[];
  /** What sources may be told from now on. */
  readonly onSnapshotted: (cursors: readonly SourceCursor[]) => void;
  /** Settles when the tables have what was acknowledged; rejects if they cannot. */
  readonly catchUp: () => Promise<void>;
  /** Aborted when the instance closes. */
  readonly signal: AbortSignal;
  readonly failed: (error: unknown) => void;
}
