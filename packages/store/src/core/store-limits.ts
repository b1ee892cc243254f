/** How much may wait, how large groups are, and how long things take at most. */

export interface StoreLimits {
  readonly logFileBytesMax: number;
  /** Logged, not yet applied. Beyond it writers wait. */
  readonly waitingBytesMax: number;
  /** How long a writer waits for room before it gets `overloaded`. */
  readonly overloadWaitMs: number;
  readonly groupBytesMax: number;
  readonly groupEventsMax: number;
  readonly lingerMs: number;
  readonly lingerBytesMax: number;
  readonly purgeEveryMs: number;
  /** When nothing was applied for so long, the tables put themselves in order. */
  readonly restAfterMs: number;
}

const mebibyte = 1024 * 1024;

/** Chosen by measurement; see packages/lab/RESULTS.md. */
export const defaultStoreLimits: StoreLimits = {
  // The last file stays until it is full, so a small one keeps the folder small.
  logFileBytesMax: 8 * mebibyte,
  waitingBytesMax: 128 * mebibyte,
  overloadWaitMs: 10_000,
  groupBytesMax: 64 * mebibyte,
  // More than a row group of DuckDB's (122,880), which then goes into the file without a detour through its own log.
  groupEventsMax: 150_000,
  lingerMs: 250,
  lingerBytesMax: 48 * mebibyte,
  purgeEveryMs: 60_000,
  restAfterMs: 1_000,
};
