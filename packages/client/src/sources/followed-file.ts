/**
 * A file that grows, as a source: through rotation (renamed, and a new one begun), truncation, and copies that were made
 * before it was cut. Each content is a life with a stream of its own; what an instance still lacks of an earlier one comes
 * first, from the open file or from where rotation put it.
 */

import type { Env } from "@epsilon/env";
import {
  type Cursor,
  EpsilonError,
  must,
  parseCollectionName,
  parseSourceName,
  sha256,
} from "@epsilon/model";
import { type ImportPlan, planImport } from "../files/import-options.ts";
import { wholeHandle } from "./feed.ts";
import { FileLife, type LifeOptions } from "./file-life.ts";
import type { FileSourceOptions } from "./file-source.ts";
import { beginsAs, rotatedFiles } from "./rotated-files.ts";
import type { ResumePoint, Source, SourceChunk } from "./source.ts";
import { openWatched, type WatchedFile } from "./watched-file.ts";

interface Era {
  readonly life: FileLife;
  /** What is at the path, or was; undefined for what was found where rotation had put it. */
  readonly file: WatchedFile | undefined;
  /** Lets go of the file. */
  readonly close: () => Promise<void>;
  /** Cut before all of it was read: how far it had come. */
  lostAt: number | undefined;
}

/** How often the file is looked at. */
const lookEveryMs = 250;
/** A writer may go on for a while in a file that was renamed. */
const quietMs = 1000;
const erasMax = 16;
const lostReason = "the file was cut before this was read";

/** A file that is followed as it grows. Lines count once they have ended. */
export class FollowedFile implements Source {
  readonly isLive = true;
  readonly name: string;
  readonly collection: string;
  readonly #env: Env;
  readonly #options: FileSourceOptions;
  readonly #plan: ImportPlan;
  /** Oldest first; the last is what is at the path. */
  readonly #eras: Era[] = [];
  readonly #searched = new Set<string>();
  #searching: Promise<unknown> = Promise.resolve();
  /** How many searches found something. */
  #found = 0;
  readonly #told = new Set<Era>();
  #looking: Promise<void> | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;

  /** Throws `bad_request`, `bad_source`, `bad_collection` for options that do not fit. */
  constructor(env: Env, options: FileSourceOptions) {
    this.name = parseSourceName(options.name);
    this.collection = parseCollectionName(options.collection);
    this.#env = env;
    this.#options = options;
    // The names of a followed file's events cover the source's: its first line and offsets come again with rotation.
    this.#plan = planImport({ ...options, source: options.source ?? options.name });
  }

  async resume(standing: readonly Cursor[]): Promise<ResumePoint> {
    await this.#look();
    for (const era of this.#eras.toReversed()) {
      const point = await this.#resumeIn(era, standing);
      if (point !== undefined) return point;
    }
    if (await this.#search(standing)) return this.resume(standing);
    return { after: null, gap: null };
  }

  async *read(from: ResumePoint): AsyncGenerator<SourceChunk, void, undefined> {
    await this.#look();
    let { after } = from;
    let at = after === null ? 0 : this.#eras.findIndex(({ life }) => life.stream === after?.stream);
    if (at < 0) throw this.#isOther();
    for (; at < this.#eras.length; at += 1) {
      const era = must(this.#eras[at]);
      const isBehindLoss = era.lostAt !== undefined && after !== null && era.lostAt <= after.position;
      if (!isBehindLoss) {
        await this.#find(era);
        yield* era.life.read(after);
        // What an instance stands in goes on with a gap; what it never had begins with the next.
        if (era.lostAt !== undefined && after !== null) throw this.#isOther();
        if (era.lostAt !== undefined) this.#tellLoss(era);
        if (era.lostAt === undefined && !this.#isOver(era)) return;
      }
      after = null;
    }
  }

  async end(): Promise<Cursor | null> {
    await this.#look();
    const era = this.#eras.at(-1);
    // What an instance lacks of it can be told only where it is known whose it is.
    const stream = era === undefined ? undefined : await this.#find(era);
    if (era === undefined || stream === undefined) return era?.life.end ?? null;
    const end = era.life.end;
    const position = Math.max(end?.position ?? 0, era.file?.sizeBytes ?? 0);
    return position === end?.position ? end : { stream, position, check: "0" };
  }

  async more(after: Cursor | null, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      await this.#look();
      if (this.#hasMore(after)) return;
      await this.#env.clock.sleep(lookEveryMs, signal);
    }
  }

  async close(): Promise<void> {
    for (const { close } of this.#eras) await close();
  }

  async #resumeIn(era: Era, standing: readonly Cursor[]): Promise<ResumePoint | undefined> {
    for (;;) {
      const stream = await this.#find(era);
      const mine = standing.find((cursor) => cursor.stream === stream);
      if (stream === undefined || mine === undefined) return undefined;
      const { lostAt } = era;
      if (lostAt !== undefined) {
        if (lostAt <= mine.position) return { after: mine, gap: null };
        const gap = { from: mine.position, to: lostAt, reason: lostReason };
        return { after: { stream, position: lostAt, check: "lost" }, gap };
      }
      if (await era.life.has(mine)) return { after: mine, gap: null };
      era.life.generation = this.#freeGeneration(era);
    }
  }

  /** The stream of an era; no other has it. */
  async #find(era: Era): Promise<string | undefined> {
    const stream = await era.life.find();
    const isTaken = this.#eras.some((other) => other !== era && other.life.stream === stream);
    if (stream !== undefined && isTaken) era.life.generation = this.#freeGeneration(era);
    return era.life.stream;
  }

  #freeGeneration(era: Era): number {
    const alike = this.#eras.filter(({ life }) => life.base === era.life.base);
    return Math.max(...alike.map(({ life }) => life.generation)) + 1;
  }

  /** Whether nothing more comes in it. */
  #isOver(era: Era): boolean {
    if (era.file === undefined) return true;
    return era !== this.#eras.at(-1) && era.life.isWhole;
  }

  #hasMore(after: Cursor | null): boolean {
    const found = after === null ? -1 : this.#eras.findIndex(({ life }) => life.stream === after.stream);
    if (after !== null && found < 0) return true;
    const later = this.#eras.slice(Math.max(found, 0));
    return later.some(({ life, file }, index) => {
      const isOwn = index === 0 && found >= 0;
      const isBehind = (life.end?.position ?? 0) > (isOwn ? (after?.position ?? 0) : 0);
      // An era that is over has to be read once more to know that nothing else comes.
      const isToBeEnded =
        file !== undefined && later.length > index + 1 && !life.isWhole && !this.#isGrowing(file);
      return isBehind || isToBeEnded || (file !== undefined && file.readTo < file.sizeBytes);
    });
  }

  #isGrowing(file: WatchedFile): boolean {
    // Where a file was cut, its last line may have been too.
    if (file.isCut) return true;
    const isLast = this.#eras.at(-1)?.file === file;
    return isLast || this.#env.clock.elapsedMs() < file.grewMs + quietMs;
  }

  /** Looks at what is at the path, at most every 250 ms. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookNow(): Promise<void> {
    const nowMs = this.#env.clock.elapsedMs();
    if (nowMs < this.#lookedMs + lookEveryMs) return;
    this.#lookedMs = nowMs;
    const identity = await this.#env.files.identity(this.#options.path);
    for (const { file } of this.#eras) await file?.look();
    const current = this.#eras.at(-1);
    if (current?.file?.isCut === true && current.lostAt === undefined)
      await this.#replaceCut(current, current.file);
    const isSame = current?.file?.identity === identity && current?.file?.isCut === false;
    if (identity === null || isSame) {
      if (current === undefined && identity === null)
        throw new EpsilonError("file_not_found", `there is no file ${this.#options.path}`);
      return;
    }
    const file = await openWatched(this.#env, this.#options.path);
    if (current?.file?.isCut === false) this.#eras.push(...(await this.#rotatedSince(current.file)));
    const life = this.#lifeOf(file);
    this.#eras.push({ life, file, lostAt: undefined, close: () => closeBoth(life, file) });
    while (this.#eras.length > erasMax) {
      await must(this.#eras.shift()).close();
    }
  }

  #lifeOf(file: WatchedFile): FileLife {
    const { encoding, stretchBytes } = this.#options;
    return new FileLife(this.#env, {
      ...this.#lifeOptions(),
      isGrowing: () => this.#isGrowing(file),
      open: () => file.feed({ encoding, stretchBytes }),
    });
  }

  #lifeOptions(): Omit<LifeOptions, "isGrowing" | "open"> {
    const { path, hash = sha256, onRejected } = this.#options;
    return { plan: this.#plan, path, source: this.name, hash, onRejected };
  }

  /**
   * Looks for what an instance stands in among the files that rotation left. Answers whether something was found, by this
   * search or by that of another loop that was under way.
   */
  async #search(standing: readonly Cursor[]): Promise<boolean> {
    const before = this.#found;
    const turn = this.#searching.then(() => this.#searchNow(standing));
    this.#searching = turn.catch(() => undefined);
    await turn;
    return before !== this.#found;
  }

  async #searchNow(standing: readonly Cursor[]): Promise<void> {
    const known = new Set(this.#eras.map(({ life }) => life.stream));
    const wanted = standing.filter(({ stream, position, check }) => {
      const key = `${stream}:${position}:${check}`;
      const isNew = !known.has(stream) && !this.#searched.has(key);
      this.#searched.add(key);
      return isNew;
    });
    if (wanted.length === 0) return;
    let found: Era[] = [];
    for (const path of await rotatedFiles(this.#env, this.#options.path)) {
      const era = await this.#eraAt(path, wanted);
      // What came after the oldest that is needed is needed too.
      if (era === undefined) continue;
      if (found.length > 0 || era.isWanted) found = [...found, era.era];
      else await era.era.close();
    }
    const current = this.#eras.length - 1;
    this.#eras.splice(Math.max(current, 0), 0, ...found);
    if (found.length > 0) this.#found += 1;
  }

  /** Whoever cuts a file has copied it before, mostly: then the copy takes its place. */
  async #replaceCut(era: Era, file: WatchedFile): Promise<void> {
    era.lostAt = file.sizeBytes;
    const paths = await rotatedFiles(this.#env, this.#options.path);
    for (let at = paths.length - 1; at >= 0; at -= 1) {
      if (!(await beginsAs(this.#env, must(paths[at]), file.head))) continue;
      const copy = await this.#rotatedEra(must(paths[at]));
      copy.life.generation = era.life.generation;
      // Those that came behind it were cut or renamed while nobody looked.
      const later = await Promise.all(paths.slice(at + 1).map((path) => this.#rotatedEra(path)));
      this.#eras.splice(this.#eras.indexOf(era), 1, copy, ...later);
      return era.close();
    }
  }

  /** What was begun and rotated away behind a file while nobody looked. */
  async #rotatedSince(file: WatchedFile): Promise<readonly Era[]> {
    const paths = await rotatedFiles(this.#env, this.#options.path);
    const identities = await Promise.all(paths.map((path) => this.#env.files.identity(path)));
    const found = identities.lastIndexOf(file.identity);
    return found < 0 ? [] : Promise.all(paths.slice(found + 1).map((path) => this.#rotatedEra(path)));
  }

  /** Opened at once, because rotation goes on and gives its name to another. */
  async #rotatedEra(path: string): Promise<Era> {
    const { encoding, stretchBytes } = this.#options;
    const file = await this.#env.files.open(path, "read");
    const life = new FileLife(this.#env, {
      ...this.#lifeOptions(),
      path,
      isGrowing: () => false,
      open: () => wholeHandle(file, { encoding, stretchBytes }),
    });
    return { life, file: undefined, lostAt: undefined, close: () => closeBoth(life, file) };
  }

  async #eraAt(
    path: string,
    wanted: readonly Cursor[],
  ): Promise<{ readonly era: Era; readonly isWanted: boolean } | undefined> {
    let era: Era | undefined;
    try {
      era = await this.#rotatedEra(path);
      const { life } = era;
      const base = await life.find();
      if (base === undefined) {
        await era.close();
        return undefined;
      }
      for (const cursor of wanted) {
        const [, generation = "0"] = /-(\d+)$/.exec(cursor.stream.slice(base.length)) ?? [];
        if (!cursor.stream.startsWith(base) || !(await life.has(cursor))) continue;
        life.generation = Number(generation);
        return { era, isWanted: true };
      }
      return { era, isWanted: false };
    } catch (error) {
      // Something else has a name like this; or it is just being written or removed.
      if (!(error instanceof EpsilonError)) throw error;
      this.#env.report({ level: "debug", event: "rotated_file_unread", details: { path, code: error.code } });
      await era?.close();
      return undefined;
    }
  }

  #tellLoss(era: Era): void {
    if (this.#told.has(era)) return;
    this.#told.add(era);
    const { name: source, collection } = this;
    const details = { source, collection, path: this.#options.path, bytes: era.lostAt };
    this.#env.report({ level: "error", event: "followed_file_lost", details });
  }

  #isOther(): EpsilonError {
    return new EpsilonError(
      "cursor_mismatch",
      `${this.name} was cut or rotated: ask the instance for its cursor again`,
    );
  }
}

async function closeBoth(life: FileLife, file: { close(): Promise<void> }): Promise<void> {
  await life.close();
  await file.close();
}
