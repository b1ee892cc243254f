/**
 * The world as parameters: time, randomness, files, network and other processes reach the code through these interfaces only, so that
 * a simulation can own them. `node-*.ts` implements them on Node, `browser-*.ts` in a page, `sim-*.ts` in memory; one
 * conformance suite holds them all to what is said here.
 */

/** Time. Wall time may jump in either direction; elapsed time only grows. */
export interface Clock {
  /** Wall time, microseconds since 1970, UTC. */
  nowMicros(): bigint;
  /** Milliseconds since an arbitrary start; never goes back. */
  elapsedMs(): number;
  /** Settles after `ms`; rejects with the signal's reason if it is aborted before. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Randomness: cryptographic on Node, seeded in the simulation. */
export interface Random {
  /** `count` random bytes. */
  bytes(count: number): Uint8Array;
  /** A number in [0, 1). */
  unit(): number;
}

/** An open file. Offsets are bytes. Every method rejects with an EpsilonError (`disk_full`, `io_error`, …). */
export interface FileHandle {
  /** Appends all the buffers in order at the end of the file. Not durable before `sync`. */
  append(buffers: readonly Uint8Array[]): Promise<void>;
  /** Up to `length` bytes from `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  sizeBytes(): Promise<number>;
  /** The same as `Files.identity` says of a path, for as long as that path leads to this very file. */
  identity(): Promise<string>;
  /** Makes the file's bytes durable (`fdatasync`). After a rejection nothing about the file may be trusted. */
  sync(): Promise<void>;
  /** Cuts the file to `sizeBytes`. */
  truncate(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}

/** Files. A new, renamed or removed *name* is durable only after `syncDirectory` of its folder. */
export interface Files {
  /** `create` fails if the file exists; `append` and `read` fail (`file_not_found`) if it does not. */
  open(path: string, mode: "read" | "append" | "create"): Promise<FileHandle>;
  /** The names in a folder, sorted; rejects with `file_not_found` where there is none. */
  list(path: string): Promise<readonly string[]>;
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name. False, and nothing is changed, where that name is taken: of several callers one wins. */
  link(from: string, to: string): Promise<boolean>;
  remove(path: string): Promise<void>;
  /** Makes the folder and its parents, durably; no error if it exists. */
  makeDirectory(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** How large a file is; null for a folder. Rejects with `file_not_found` where there is nothing. */
  fileSizeBytes(path: string): Promise<number | null>;
  /** What tells a file from others that have its name later; null if nothing is there. A renamed file keeps it. */
  identity(path: string): Promise<string | null>;
}

/** A request to another machine. `body` is sent as it is. */
export interface NetworkRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Its answer. Header names are lower case. `body` breaks off with an EpsilonError if the connection does. */
export interface NetworkResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Network {
  /** Rejects with `unreachable` if there is no answer. Never follows redirects, never retries. */
  request(request: NetworkRequest): Promise<NetworkResponse>;
}

/** A process of this machine, told from a later one of the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, as the system counts; empty where the system does not say. */
  readonly started: string;
  /** Which start of the machine it belongs to; empty where the system does not say. */
  readonly boot: string;
}

/** The processes of this machine, as far as this one can see: not those of another container. */
export interface Processes {
  readonly self: ProcessIdentity;
  readonly hostName: string;
  isAlive(identity: ProcessIdentity): Promise<boolean>;
}

/** Something worth a log line. `level` decides whether a person is woken up. */
export interface ReportEvent {
  readonly level: "debug" | "info" | "warn" | "error";
  /** What happened, as snake_case. */
  readonly event: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** All of it. First parameter of whatever touches the world. */
export interface Env {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly network: Network;
  readonly processes: Processes;
  readonly report: (event: ReportEvent) => void;
}
