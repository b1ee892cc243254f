/**
 * Which snapshots there are to be, and which are kept. Pure.
 *
 * The first snapshot of a month (by UTC) is the month's, the first of a week the week's, the first of a day the day's;
 * all others are an hour's. One of a higher kind is one of every lower kind too.
 */

/** From the most frequent to the rarest. */
export const snapshotKinds = ["hour", "day", "week", "month"] as const;
export type SnapshotKind = (typeof snapshotKinds)[number];

/** How many of each kind are kept. */
export interface Keeping {
  readonly hour: number;
  readonly day: number;
  readonly week: number;
  readonly month: number;
}

export const keepingDefault: Keeping = { hour: 24, day: 7, week: 4, month: 12 };

/** A snapshot, as far as it matters here. */
export interface Dated {
  readonly id: string;
  readonly kind: SnapshotKind;
  readonly createdAtMicros: bigint;
}

const dayMicros = 86_400_000_000n;

/** The kind of a snapshot that is made now, where these are there already. */
export function kindAt(nowMicros: bigint, existing: readonly Dated[]): SnapshotKind {
  for (const kind of ["month", "week", "day"] as const) {
    const current = periodOf(kind, nowMicros);
    const isThere = existing.some(
      (one) => isAtLeast(one.kind, kind) && periodOf(kind, one.createdAtMicros) >= current,
    );
    if (!isThere) return kind;
  }
  return "hour";
}

/** Whether a snapshot of a kind is one of another kind too. */
export function isAtLeast(kind: SnapshotKind, other: SnapshotKind): boolean {
  return snapshotKinds.indexOf(kind) >= snapshotKinds.indexOf(other);
}

/**
 * The ids of those to keep: the newest of each kind, as many as are wanted; at least one of each kind, because the next
 * builds on it, and at least the last two of all, because that is what sources are told.
 */
export function keptIds(snapshots: readonly Dated[], keeping: Keeping): ReadonlySet<string> {
  const newestFirst = [...snapshots].sort((a, b) => (a.createdAtMicros < b.createdAtMicros ? 1 : -1));
  const kept = new Set<string>();
  for (const kind of snapshotKinds) {
    const least = kind === "hour" ? 2 : 1;
    const ofKind = newestFirst.filter((one) => isAtLeast(one.kind, kind));
    for (const { id } of ofKind.slice(0, Math.max(least, keeping[kind]))) kept.add(id);
  }
  return kept;
}

/** A number for the period; later ones are greater. Weeks begin on Monday. */
function periodOf(kind: "day" | "week" | "month", micros: bigint): number {
  const day = Number(micros / dayMicros);
  if (kind === "day") return day;
  // 1970-01-01 was a Thursday.
  if (kind === "week") return Math.floor((day + 3) / 7);
  const date = new Date(Number(micros / 1000n));
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}
