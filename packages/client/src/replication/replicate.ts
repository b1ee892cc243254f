/** Any source that can be read again, to all instances, for as long as the program runs: no spool is needed for it. */

import type { Env } from "@epsilon/env";
import { type Cursor, EpsilonError, type Sha256 } from "@epsilon/model";
import type { ImportOptions } from "../files/import-options.ts";
import type { BadRecord } from "../files/records.ts";
import type { RejectedBySource } from "../loop/rejected.ts";
import type { ReplicatorState } from "../loop/state.ts";
import { FileSource, fileSourceName } from "../sources/file-source.ts";
import { FollowedFile } from "../sources/followed-file.ts";
import type { Source } from "../sources/source.ts";
import type { Acknowledgement } from "./acknowledgement.ts";
import { Replication } from "./replication.ts";

/** What makes a source for a collection. */
export type SourceMaker = (env: Env, collection: string, hash?: Sha256) => ClosableSource;

export interface ClosableSource extends Source {
  /** Where its events end, null if it has none; only of a source that comes to an end. */
  finished?(): Promise<Cursor | null>;
  close(): Promise<void>;
}

export interface FileSourceSettings extends ImportOptions {
  /** Whether to go on as the file grows, through rotation. */
  readonly follow?: boolean;
  /** The source's name; the machine's name and the path unless given. */
  readonly name?: string;
  /** Told once of each record that is no event. */
  readonly onBadRecord?: (record: BadRecord) => void;
}

export interface ReplicateOptions {
  readonly instances: readonly string[];
  readonly collection: string;
  readonly token?: string;
  /** Told of each event that an instance refuses; it is kept nowhere else. */
  readonly onRejected?: (rejected: RejectedBySource) => void;
  readonly hash?: Sha256;
}

/** A file as a source: its path (absolute, because the source is named by it), and how it is to be read. Options that do not fit are refused when it is made. */
export function fileSource(path: string, settings: FileSourceSettings = {}): SourceMaker {
  return (env, collection, hash) => {
    const { follow = false, name, onBadRecord, ...options } = settings;
    const given = {
      ...options,
      path,
      name:
        name ??
        options.source ??
        fileSourceName(env.processes.hostName, path.startsWith("/") ? path : `/${path}`),
      collection,
      hash,
      onRejected: onBadRecord,
    };
    return follow ? new FollowedFile(env, given) : new FileSource(env, given);
  };
}

/** What is being replicated. */
export class Replicating {
  readonly #source: ClosableSource;
  readonly #replication: Replication;
  readonly #env: Env;

  /** Begins at once. Throws `bad_request`, `bad_source`, `bad_collection` for options that do not fit. */
  constructor(env: Env, make: SourceMaker, options: ReplicateOptions) {
    const { instances, collection, token, onRejected, hash } = options;
    if (instances.length === 0)
      throw new EpsilonError("bad_request", "replicating needs the address of at least one instance");
    this.#env = env;
    this.#source = make(env, collection, hash);
    this.#replication = new Replication(env, {
      instances: instances.map((url) => ({ url, token })),
      onRejected: (rejected) => onRejected?.(rejected),
    });
    this.#replication.add(this.#source);
  }

  /** How far each instance is. */
  get states(): readonly ReplicatorState[] {
    return this.#replication.states;
  }

  /**
   * Settles when so many instances have all of a source that comes to an end. Rejects with `not_acknowledged` after
   * `timeoutMs`, with what the source cannot be read for, and with `bad_request` for a source that never ends.
   */
  async finished(
    options: { readonly ack?: Acknowledgement; readonly timeoutMs?: number } = {},
  ): Promise<void> {
    const { ack = "all", timeoutMs } = options;
    const cursor = this.#source.finished?.();
    if (cursor === undefined)
      throw new EpsilonError("bad_request", `${this.#source.name} is followed, so it never ends`);
    const over = new AbortController();
    const late = new AbortController();
    if (timeoutMs !== undefined)
      this.#env.clock.sleep(timeoutMs, over.signal).then(
        () => late.abort(new EpsilonError("not_acknowledged", `${timeoutMs} ms have passed`)),
        () => undefined,
      );
    const tooLate = new Promise<never>((_, reject) => {
      late.signal.addEventListener("abort", () => reject(late.signal.reason), { once: true });
    });
    tooLate.catch(() => undefined);
    try {
      const end = await Promise.race([cursor, tooLate]);
      if (end !== null)
        await this.#replication.waitFor(this.#source, { cursor: end, acknowledgement: ack }, late.signal);
    } finally {
      over.abort();
    }
  }

  /** Ends it; run again, it goes on where each instance stands. */
  async close(): Promise<void> {
    await this.#replication.stop();
    await this.#source.close();
  }
}
