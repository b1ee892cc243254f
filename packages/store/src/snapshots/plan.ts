/**
 * Which commits a snapshot writes anew and which files it takes over. Pure.
 *
 * A snapshot takes the files of its base and adds what came since. In time the base's rows are replaced, deleted and
 * purged; a rarer kind of snapshot therefore writes anew those of its base's ranges in which too much is dead.
 */

import type { SnapshotKind } from "./keeping.ts";
import type { Segment } from "./manifest.ts";
import type { SequenceRange } from "./snapshot-tables.ts";

/** A range of commits: a file that is there already, or null if it has to be written. */
export interface Planned extends SequenceRange {
  readonly segment: Segment | null;
}

/** The share of dead rows from which on a kind of snapshot writes a range anew. An hour's never does. */
const deadShareMin = { hour: null, day: 0.25, week: 0.25, month: 0 } as const satisfies Record<
  SnapshotKind,
  number | null
>;

/** Which of the base's files are taken over; `live` says how many rows each range still has. */
export function planBase(
  kind: SnapshotKind,
  base: readonly Segment[],
  options: { readonly live: readonly number[]; readonly rowsMax: number },
): readonly Planned[] {
  const share = deadShareMin[kind];
  const planned: { from: number; to: number; segment: Segment | null; rows: number }[] = [];
  for (const [index, segment] of base.entries()) {
    const rows = options.live[index] ?? segment.rows;
    const dead = segment.rows - rows;
    const isKept = share === null || (dead <= segment.rows * share && rows > 0);
    const range = { from: segment.fromSequence, to: segment.toSequence, rows };
    const before = planned[planned.length - 1];
    if (isKept) planned.push({ ...range, segment });
    // Neighbours that are written anew become one file, unless that would be too large.
    else if (before?.segment === null && before.to === range.from && before.rows + rows <= options.rowsMax) {
      before.to = range.to;
      before.rows += rows;
    } else planned.push({ ...range, segment: null });
  }
  return planned.map(({ from, to, segment }) => ({ from, to, segment }));
}

/** Whether a kind of snapshot asks how much of its base is dead. */
export function asksForDead(kind: SnapshotKind): boolean {
  return deadShareMin[kind] !== null;
}
