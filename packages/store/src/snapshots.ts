/** Snapshots as an instance speaks of them: states of all collections that lie somewhere else. */

import type { SnapshotKind } from "./snapshots/keeping.ts";

export type { SnapshotKind } from "./snapshots/keeping.ts";

/**
 * `running`: being made. `good`: it was seen at the destination, whole. `failed`: it never became one. `bad`: it was
 * good, and a verification found otherwise. `marked`: a provider's image is being taken, and is to be confirmed.
 */
export type SnapshotState = "running" | "good" | "failed" | "bad" | "marked";

export interface SnapshotInfo {
  readonly id: string;
  readonly state: SnapshotState;
  readonly kind: SnapshotKind | "external";
  readonly createdAtMicros: bigint;
  readonly finishedAtMicros: bigint | null;
  /** Where it lies; null for a provider's image. */
  readonly destination: string | null;
  /** The snapshot whose files it uses too, or null if it is full. */
  readonly base: string | null;
  readonly collections: readonly {
    readonly name: string;
    readonly events: number;
    readonly tombstones: number;
    readonly digest: string;
  }[];
  /** All the files that it needs. */
  readonly files: number;
  readonly bytes: number;
  /** What was written for it alone. */
  readonly bytesWritten: number;
  readonly verifiedAtMicros: bigint | null;
  /** Why it failed or is bad. */
  readonly error: string | null;
}

/** Figures for `/metrics` and `/v1/instance`. */
export interface SnapshotStatistics {
  /** When the last good one was begun, or null. */
  readonly lastGoodMicros: bigint | null;
  readonly lastBytesWritten: number;
  readonly lastSeconds: number;
  readonly kept: number;
  /** Since the start. */
  readonly failures: number;
  readonly lastError: string | null;
}

/** Every method rejects with an EpsilonError; `no_destination` where the instance has none. */
export interface Snapshots {
  /** Where they go, or null. */
  readonly destination: string | null;
  readonly everyMs: number | null;
  /** Newest first. */
  list(): readonly SnapshotInfo[];
  /** Throws `unknown_snapshot`. */
  get(id: string): SnapshotInfo;
  /** Begins one and says which; `finished` settles when it is good or failed. Throws `snapshot_running`. */
  create(options: { readonly external: boolean }): Promise<SnapshotInfo>;
  /** Settles when nothing is running. */
  finished(): Promise<void>;
  /** Takes one away, with the files that no other needs. Throws `snapshot_in_use` while one is being made. */
  remove(id: string): Promise<void>;
  /** Reads it back from the destination, whole. What does not verify makes it `bad`. */
  verify(
    id: string,
    options: { readonly deep: boolean; readonly signal?: AbortSignal },
  ): Promise<SnapshotInfo>;
  /** A provider's image is done: it counts from now on. */
  confirm(id: string): Promise<SnapshotInfo>;
  /** Takes away what is not to be kept; says which. */
  prune(): Promise<readonly string[]>;
  statistics(): SnapshotStatistics;
}
