/** The record of a snapshot that is being begun. */

import type { SnapshotInfo } from "../snapshots.ts";
import { snapshotId } from "./manifest.ts";
import type { SnapshotRecord, SourceCursor } from "./snapshot-tables.ts";

/** Numbered after the others of the same incarnation; `cursors` are those of a provider's image. */
export function newRecord(
  about: Pick<SnapshotInfo, "kind" | "createdAtMicros" | "destination">,
  among: {
    readonly incarnation: string;
    readonly records: readonly SnapshotRecord[];
    readonly cursors: readonly SourceCursor[];
  },
): SnapshotRecord {
  const { incarnation, records, cursors } = among;
  const own = records.filter((record) => record.incarnation === incarnation);
  const number = 1 + Math.max(0, ...own.map((record) => record.number));
  const ordinal = 1 + Math.max(0, ...records.map((record) => record.ordinal));
  return {
    info: {
      id: snapshotId(incarnation, number),
      state: about.kind === "external" ? "marked" : "running",
      ...about,
      finishedAtMicros: null,
      base: null,
      collections: [],
      files: 0,
      bytes: 0,
      bytesWritten: 0,
      verifiedAtMicros: null,
      error: null,
    },
    ordinal,
    incarnation,
    number,
    manifest: null,
    sequence: null,
    cursors,
  };
}
