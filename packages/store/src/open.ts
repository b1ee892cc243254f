/** The two stores that there are. */

import type { Env } from "@epsilon/env";
import type { EpsilonError } from "@epsilon/model";
import type { Objects } from "@epsilon/objects";
import { assertRetention, keepForEver, type Retention } from "./core/retention.ts";
import { openStore } from "./core/store.ts";
import { defaultStoreLimits, type StoreLimits } from "./core/store-limits.ts";
import { openEmbeddedTables } from "./embedded/tables.ts";
import type { EventStore } from "./event-store.ts";
import { openMemoryTables } from "./memory/tables.ts";
import { type Keeping, keepingDefault } from "./snapshots/keeping.ts";
import { rowsPerFileDefault } from "./snapshots/options.ts";

export interface OpenOptions {
  /** The data folder. */
  readonly directory: string;
  readonly retention?: Retention;
  readonly limits?: Partial<StoreLimits>;
  /** A person says that the clock is right although it jumped. */
  readonly clockConfirmed?: boolean;
  readonly snapshots?: {
    readonly objects: Objects;
    /** How often one is made; by hand only if absent. */
    readonly everyMs?: number;
    readonly keeping?: Keeping;
    readonly rowsPerFile?: number;
  };
  /** Called once if the store failed for good: the process has to end and recover. */
  readonly onFailure?: (error: EpsilonError) => void;
}

export interface EmbeddedOptions extends OpenOptions {
  /** What DuckDB may use, bytes. */
  readonly memoryBytesMax?: number;
  /** What large queries may spill, bytes. */
  readonly temporaryBytesMax?: number;
  readonly threads?: number;
}

const megabyte = 1_000_000;

/**
 * Opens a data folder, making it if it is new, and recovers what a crash left.
 * Throws `data_in_use`, `data_not_writable`, `data_from_newer_version`, `log_damaged`, `table_damaged`.
 */
export async function openEmbeddedStore(env: Env, options: EmbeddedOptions): Promise<EventStore> {
  const { directory } = options;
  await env.files.makeDirectory(directory);
  const tables = await openEmbeddedTables(env, {
    database: {
      path: `${directory}/data.duckdb`,
      temporaryDirectory: `${directory}/spill`,
      memoryBytesMax: options.memoryBytesMax ?? 768 * megabyte,
      temporaryBytesMax: options.temporaryBytesMax ?? 4_000 * megabyte,
      threads: options.threads ?? 2,
      checkpointBytes: 64 * megabyte,
    },
    scratchPath: `${directory}/scratch.ndjson`,
  });
  try {
    return await openStore(env, tables, storeOptions(options));
  } catch (error) {
    await tables.close();
    throw error;
  }
}

/** A small store in memory over a log, for tests and the simulation: same answers, no DuckDB. */
export async function openMemoryStore(env: Env, options: OpenOptions): Promise<EventStore> {
  await env.files.makeDirectory(options.directory);
  return openStore(env, openMemoryTables(env), storeOptions(options));
}

function storeOptions(options: OpenOptions): Parameters<typeof openStore>[2] {
  const retention = options.retention ?? keepForEver;
  assertRetention(retention);
  return {
    logDirectory: `${options.directory}/log`,
    retention,
    limits: { ...defaultStoreLimits, ...options.limits },
    clockConfirmed: options.clockConfirmed ?? false,
    snapshots: {
      objects: options.snapshots?.objects ?? null,
      everyMs: options.snapshots?.everyMs ?? null,
      keeping: options.snapshots?.keeping ?? keepingDefault,
      rowsPerFile: options.snapshots?.rowsPerFile ?? rowsPerFileDefault,
      scratch: `${options.directory}/snapshot`,
    },
    onFailure: options.onFailure ?? (() => {}),
  };
}
