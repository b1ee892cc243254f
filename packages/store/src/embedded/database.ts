/**
 * DuckDB behind a small door: one instance, one writer connection, a pool of readers, errors of ours.
 *
 * DuckDB's own lock on the database file is what keeps two processes out of one data folder: it is the kernel's lock,
 * so it holds in containers too and is gone when the process is.
 */

import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import type { Clock } from "@epsilon/env";
import { EpsilonError, type ErrorCode } from "@epsilon/model";

/** A value as DuckDB's node API gives it for the types that we ask for. */
export type SqlValue = string | number | bigint | boolean | null;
export type SqlRow = readonly SqlValue[];

/** The oldest DuckDB that can read the file. */
const storageVersion = "v1.4.0";

export interface DatabaseOptions {
  readonly path: string;
  /** Where large queries spill. */
  readonly temporaryDirectory: string;
  readonly memoryBytesMax: number;
  readonly temporaryBytesMax: number;
  readonly threads: number;
  /** DuckDB's own log may grow to this before a checkpoint. */
  readonly checkpointBytes: number;
}

const interruptAgainMs = 20;

/** More at once would only share the same cores, and each holds memory; the others wait. */
const readsMax = 64;

/** What a read may take. */
export interface ReadLimits {
  readonly signal?: AbortSignal | undefined;
}

export class Database {
  readonly #clock: Clock;
  readonly #instance: DuckDBInstance;
  readonly #writer: DuckDBConnection;
  readonly #idle: DuckDBConnection[] = [];
  readonly #busy = new Set<DuckDBConnection>();
  /** Reads that were begun and are not over. */
  #reads = 0;
  /** Reads that wait for one of them to be over, in their order. */
  readonly #waiting = new Set<() => void>();

  private constructor(clock: Clock, instance: DuckDBInstance, writer: DuckDBConnection) {
    this.#clock = clock;
    this.#instance = instance;
    this.#writer = writer;
  }

  /** Opens or makes the file. Throws `data_in_use`, `data_not_writable`, `data_from_newer_version`, `table_damaged`. */
  static async open(clock: Clock, options: DatabaseOptions): Promise<Database> {
    try {
      const instance = await DuckDBInstance.create(options.path, {
        threads: String(options.threads),
        memory_limit: `${Math.floor(options.memoryBytesMax / 1_000_000)}MB`,
        temp_directory: options.temporaryDirectory,
        max_temp_directory_size: `${Math.floor(options.temporaryBytesMax / 1_000_000)}MB`,
        checkpoint_threshold: `${Math.floor(options.checkpointBytes / 1_000_000)}MB`,
        autoinstall_known_extensions: "false",
        autoload_known_extensions: "false",
        enable_external_file_cache: "false",
        // Compresses texts in half the time that the oldest format takes (docs/decisions/0011).
        storage_compatibility_version: storageVersion,
        // No joining of row groups that are not full: it writes everything again, and the file keeps the room of both.
        max_vacuum_tasks: "0",
      });
      const writer = await instance.connect();
      await writer.run("SET TimeZone = 'UTC'");
      return new Database(clock, instance, writer);
    } catch (error) {
      throw translate(error, "open");
    }
  }

  /** Runs statements on the writer, which its caller must not share. */
  async write(sql: string): Promise<void> {
    try {
      await this.#writer.run(sql);
    } catch (error) {
      throw translate(error, "write");
    }
  }

  /** Reads on the writer: inside its transaction. */
  async readInWriter(sql: string): Promise<readonly SqlRow[]> {
    try {
      const reader = await this.#writer.runAndReadAll(sql);
      return reader.getRows() as readonly SqlRow[];
    } catch (error) {
      throw translate(error, "write");
    }
  }

  get runningReads(): number {
    return this.#busy.size;
  }

  /** Writes come first: stops every running read, so that their memory is free. */
  interruptReads(): void {
    for (const connection of this.#busy) connection.interrupt();
  }

  /** Reads everything at once. For answers whose size is bounded by the question. */
  async read(sql: string, limits: ReadLimits): Promise<readonly SqlRow[]> {
    return this.withReader(limits, async (reader) => {
      const result = await reader.runAndReadAll(sql);
      return result.getRows() as readonly SqlRow[];
    });
  }

  /** Reads in stretches of about 2,048 rows, of one moment, as fast as the caller takes them. */
  async *stream(sql: string, limits: ReadLimits): AsyncGenerator<readonly SqlRow[]> {
    const connection = await this.#take(limits);
    const stop = interruptOnAbort(this.#clock, connection, limits.signal);
    let isClean = false;
    try {
      const result = await connection.stream(sql);
      for (;;) {
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) {
          isClean = true;
          return;
        }
        yield chunk.getRows() as readonly SqlRow[];
      }
    } catch (error) {
      throw abortedOr(error, limits.signal);
    } finally {
      stop();
      this.#giveBack(connection, isClean);
    }
  }

  /** Several reads of one moment, on one connection. */
  async withReader<T>(limits: ReadLimits, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = await this.#take(limits);
    const stop = interruptOnAbort(this.#clock, connection, limits.signal);
    let isClean = false;
    try {
      const result = await work(connection);
      isClean = true;
      return result;
    } catch (error) {
      throw abortedOr(error, limits.signal);
    } finally {
      stop();
      this.#giveBack(connection, isClean);
    }
  }

  /** Writes the tables into the file. Also takes out the rows that were deleted, if `compact`: that writes much again. */
  async checkpoint(options: { readonly compact: boolean }): Promise<void> {
    if (options.compact) await this.write("SET max_vacuum_tasks = 100");
    await this.write("CHECKPOINT");
    if (options.compact) await this.write("SET max_vacuum_tasks = 0");
  }

  close(): void {
    for (const connection of this.#idle) connection.closeSync();
    this.#writer.closeSync();
    this.#instance.closeSync();
  }

  async #take(limits: ReadLimits): Promise<DuckDBConnection> {
    limits.signal?.throwIfAborted();
    await this.#turn(limits.signal);
    try {
      const connection = this.#idle.pop() ?? (await this.#connect());
      this.#busy.add(connection);
      return connection;
    } catch (error) {
      this.#passOn();
      throw error;
    }
  }

  /** Waits until fewer than `readsMax` run. Rejects when the signal is aborted. */
  async #turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#reads < readsMax) {
      this.#reads += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const enter = (): void => {
        signal?.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#waiting.delete(enter);
        reject(abortedOr(signal?.reason, signal));
      };
      signal?.addEventListener("abort", giveUp, { once: true });
      this.#waiting.add(enter);
    });
  }

  /** Whoever waited longest takes the place of a read that is over. */
  #passOn(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#reads -= 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }

  async #connect(): Promise<DuckDBConnection> {
    const connection = await this.#instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    return connection;
  }

  /** One whose work did not end well is closed: an interrupt may have hit its ROLLBACK, which leaves a transaction open. */
  #giveBack(connection: DuckDBConnection, isClean: boolean): void {
    this.#busy.delete(connection);
    this.#passOn();
    if (isClean) this.#idle.push(connection);
    else connection.closeSync();
  }
}

/**
 * DuckDB forgets an interrupt that comes while a statement is being prepared, and runs it to its end. So it is repeated
 * until the work is over, which the answer says.
 */
function interruptOnAbort(
  clock: Clock,
  connection: DuckDBConnection,
  signal: AbortSignal | undefined,
): () => void {
  if (signal === undefined) return () => {};
  const over = new AbortController();
  const insist = async (): Promise<void> => {
    while (!over.signal.aborted) {
      connection.interrupt();
      await clock.sleep(interruptAgainMs, over.signal);
    }
  };
  const interrupt = (): void => {
    insist().catch((error: unknown) => {
      // Woken early because the work is over.
      if (!over.signal.aborted) throw error;
    });
  };
  // A connection may have had to be made first.
  if (signal.aborted) interrupt();
  else signal.addEventListener("abort", interrupt, { once: true });
  return () => {
    signal.removeEventListener("abort", interrupt);
    over.abort();
  };
}

function abortedOr(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true)
    return signal.reason instanceof EpsilonError ? signal.reason : cancelled(error);
  const translated = translate(error, "read");
  // Nobody went away: `interruptReads` took the memory for a write.
  if (translated instanceof EpsilonError && translated.code === "query_cancelled") return madeWay(error);
  return translated;
}

function madeWay(cause: unknown): EpsilonError {
  return new EpsilonError(
    "query_out_of_memory",
    "the query was stopped because a write needed its memory; ask again, or for less at once",
    { cause },
  );
}

function cancelled(cause: unknown): EpsilonError {
  return new EpsilonError("query_cancelled", "the caller went away", { cause });
}

/** From what DuckDB says to a code of ours. It gives texts without codes, so their beginnings decide. */
export function translate(error: unknown, doing: "open" | "write" | "read"): unknown {
  if (error instanceof EpsilonError || !(error instanceof Error)) return error;
  const text = error.message;
  const found = kinds.find(({ pattern }) => pattern.test(text));
  const code = found?.code ?? (doing === "open" ? "table_damaged" : "internal");
  const needsMemory = doing === "write" && code === "query_out_of_memory";
  const hint = needsMemory ? "writing needs more memory than DuckDB has left" : (found?.hint ?? "");
  const [first = text] = text.split("\n");
  // DuckDB's words about its lock are about DuckDB; ours say it all.
  const message = [hint, ...(code === "data_in_use" ? [] : [first])].filter((part) => part !== "").join(": ");
  return new EpsilonError(code, message, { cause: error });
}

const kinds: readonly { readonly pattern: RegExp; readonly code: ErrorCode; readonly hint: string }[] = [
  // These two before all others: they quote what went wrong first, and nothing but a restart helps.
  {
    pattern: /^FATAL Error[\s\S]*(No space left|could not write all bytes)/i,
    code: "store_failed",
    hint: "the disk is full, and DuckDB gave up; make room, then restart the process",
  },
  {
    pattern: /^FATAL Error|database has been invalidated/i,
    code: "store_failed",
    hint: "DuckDB gave up; restart the process",
  },
  {
    pattern: /No space left|Disk quota|could not write all bytes/i,
    code: "disk_full",
    hint: "make room on the disk",
  },
  {
    pattern: /^Out of Memory Error/,
    code: "query_out_of_memory",
    hint: "ask for less at once (a shorter time range, fewer groups)",
  },
  { pattern: /^INTERRUPT Error/, code: "query_cancelled", hint: "the query was stopped" },
  {
    pattern: /Could not set lock|Conflicting lock/i,
    code: "data_in_use",
    hint: "another process has this data folder open; stop it first",
  },
  {
    pattern: /Permission denied|Read-only file system|read-only mode/i,
    code: "data_not_writable",
    hint: "the data folder cannot be written; check its owner and permissions",
  },
  {
    pattern: /newer version|can only read version|storage version/i,
    code: "data_from_newer_version",
    hint: "a newer release wrote this folder; use that release",
  },
  {
    pattern: /checksum|corrupt|not a valid DuckDB|Serialization Error|could not read enough bytes/i,
    code: "table_damaged",
    hint: "the database file is damaged; restore the data folder from a copy",
  },
];
