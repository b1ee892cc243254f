/** A file as a source, read once from its beginning to its end; see FollowedFile for one that grows. */

import type { Env } from "@epsilon/env";
import {
  type Cursor,
  EpsilonError,
  parseCollectionName,
  parseSourceName,
  type Sha256,
  sha256,
} from "@epsilon/model";
import { type ImportOptions, planImport } from "../files/import-options.ts";
import type { BadRecord } from "../files/records.ts";
import { wholeFile } from "./feed.ts";
import { FileLife } from "./file-life.ts";
import type { FiniteSource, ResumePoint, SourceChunk } from "./source.ts";

export interface FileSourceOptions extends ImportOptions {
  readonly path: string;
  /** Its name, as instances know it, such as `web-1/var/log/access.ndjson`. */
  readonly name: string;
  readonly collection: string;
  readonly hash?: Sha256 | undefined;
  /** How much is read at a time: what a chunk holds about. */
  readonly stretchBytes?: number | undefined;
  /** Told once of each record that is no event. */
  readonly onRejected?: ((rejected: BadRecord) => void) | undefined;
}

/** A file that does not change while it is read. */
export class FileSource implements FiniteSource {
  readonly name: string;
  readonly collection: string;
  readonly #life: FileLife;
  readonly #sizeOf: () => Promise<number>;

  /** Throws `bad_request`, `bad_source`, `bad_collection` for options that do not fit. */
  constructor(env: Env, options: FileSourceOptions) {
    this.name = parseSourceName(options.name);
    this.collection = parseCollectionName(options.collection);
    const { path, hash = sha256, onRejected, encoding, stretchBytes } = options;
    this.#life = new FileLife(env, {
      plan: planImport(options),
      path,
      source: this.name,
      isGrowing: () => false,
      open: () => wholeFile(env, path, { encoding, stretchBytes }),
      hash,
      onRejected,
    });
    this.#sizeOf = async () => {
      const file = await env.files.open(path, "read");
      try {
        return await file.sizeBytes();
      } finally {
        await file.close();
      }
    };
  }

  /**
   * Where its events end; null if it has none. Settles when somebody has read it to its end, rejects when it cannot be
   * read. An instance that durably stands there has all of it.
   */
  async finished(): Promise<Cursor | null> {
    await this.#life.ended;
    return this.#life.end;
  }

  get bytesRead(): number {
    return this.#life.bytesRead;
  }

  /** Looks at the beginning of the file. Rejects with what is wrong with it: it is not there, its lines have no time, … */
  async look(): Promise<void> {
    await this.#life.find();
  }

  async resume(standing: readonly Cursor[]): Promise<ResumePoint> {
    await this.#life.find();
    for (;;) {
      const mine = standing.find(({ stream }) => stream === this.#life.stream);
      if (mine === undefined) return { after: null, gap: null };
      if (await this.#life.has(mine)) return { after: mine, gap: null };
      this.#life.generation += 1;
    }
  }

  read(from: ResumePoint): AsyncGenerator<SourceChunk, void, undefined> {
    return this.#life.read(from.after);
  }

  /** Until the file was read once, its size stands for where it ends. */
  async end(): Promise<Cursor | null> {
    const { end, stream, isWhole } = this.#life;
    if (isWhole || stream === undefined) return end;
    const position = Math.max(end?.position ?? 0, await this.#sizeOf());
    return position === 0 ? null : { stream, position, check: "0" };
  }

  more(after: Cursor | null, signal: AbortSignal): Promise<void> {
    const end = this.#life.end;
    const isOther = after !== null && after.stream !== this.#life.stream;
    if (isOther || (end !== null && (after?.position ?? 0) < end.position)) return Promise.resolve();
    return new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }

  close(): Promise<void> {
    return this.#life.close();
  }
}

/** `HOST/absolute path`, with what a source's name may not have as `_`; the end of what is too long. Throws `bad_source`. */
export function fileSourceName(hostName: string, absolutePath: string): string {
  const text = `${hostName}${absolutePath}`.replaceAll(/[^A-Za-z0-9._:@/-]/g, "_");
  if (text === "") throw new EpsilonError("bad_source", "a file has a name");
  return parseSourceName(text.length > 200 ? text.slice(-200) : text);
}
