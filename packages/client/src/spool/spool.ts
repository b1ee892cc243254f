/**
 * A spool: the folder in which a client keeps what it writes until the instances have it. It holds a folder a
 * collection, and in it parts; a process writes to a part of its own, and looks after those whose processes died.
 */

import type { Env } from "@epsilon/env";
import { assert, EpsilonError, isCollectionName, must, type Sha256 } from "@epsilon/model";
import type { RejectedBySource } from "../loop/rejected.ts";
import { writeDeadLetter } from "./dead-letters.ts";
import { openPart, type SpoolPart } from "./part.ts";
import { type PartLock, takeLock } from "./part-lock.ts";
import type { PartPort, SpoolPort, Written } from "./port.ts";
import { publishFirst, randomName, readSmallFile } from "./small-files.ts";

export interface SpoolOptions {
  /** Made if it is not there. Any number of processes of one machine may share it. */
  readonly directory: string;
  /** What its sources' names begin with; the machine's name if absent. */
  readonly sourcePrefix?: string;
  /** All parts together: beyond it, writers wait. */
  readonly bytesMax?: number;
  readonly hash?: Sha256;
  readonly fileBytesMax?: number;
  /** Told of each part that this process looks after from now on. */
  readonly onPart?: (part: SpoolPart) => void;
}

const defaultBytesMax = 10_000_000_000;

interface HeldPart {
  readonly part: SpoolPart;
  readonly lock: PartLock;
}

/** Opens a spool and takes all parts that nobody alive holds. Rejects as `openPart` does. */
export async function openSpool(env: Env, options: SpoolOptions): Promise<Spool> {
  await env.files.makeDirectory(`${options.directory}/collections`);
  const id = await readOrMakeId(env, options.directory);
  const spool = new Spool(env, options, `${options.sourcePrefix ?? env.processes.hostName}/${id}`);
  try {
    await spool.adopt();
  } catch (error) {
    await spool.close();
    throw error;
  }
  return spool;
}

export class Spool implements SpoolPort {
  readonly source: string;
  readonly #env: Env;
  readonly #options: SpoolOptions;
  readonly #held = new Map<string, HeldPart>();
  /** The part that this process writes to, by collection. */
  readonly #own = new Map<string, Promise<SpoolPart>>();
  readonly #waitingForRoom = new Set<() => void>();
  #work: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(env: Env, options: SpoolOptions, source: string) {
    this.#env = env;
    this.#options = options;
    this.source = source;
  }

  /** All parts that this process looks after. */
  get parts(): readonly SpoolPart[] {
    return [...this.#held.values()].map(({ part }) => part);
  }

  get sizeBytes(): number {
    return this.parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  }

  get bytesMax(): number {
    return this.#options.bytesMax ?? defaultBytesMax;
  }

  async append(
    collection: string,
    chunk: { readonly lines: Uint8Array; readonly events: number },
    signal?: AbortSignal,
  ): Promise<Written<SpoolPart>> {
    await this.#room(signal);
    const part = await this.#partOf(collection);
    return { part, cursor: await part.append(chunk.lines, chunk.events) };
  }

  async trim(part: PartPort, position: number): Promise<void> {
    await this.#mine(part).trim(position);
    if (this.sizeBytes < this.bytesMax) for (const enter of [...this.#waitingForRoom]) enter();
  }

  /** Part by part: one that cannot be opened does not keep the others. */
  adopt(): Promise<void> {
    return this.#inTurn(async () => {
      for (const collection of await this.#env.files.list(`${this.#options.directory}/collections`)) {
        if (!isCollectionName(collection)) continue;
        for (const name of await this.#env.files.list(this.#folderOf(collection)))
          await this.#take(collection, name);
      }
    });
  }

  async setAside(part: PartPort, rejected: RejectedBySource): Promise<void> {
    await writeDeadLetter(this.#env, this.#mine(part).directory, rejected);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const enter of [...this.#waitingForRoom]) enter();
    await this.#inTurn(async () => {
      for (const [key, { part, lock }] of this.#held) {
        this.#held.delete(key);
        await part.close();
        await lock.release();
      }
    });
  }

  #room(signal: AbortSignal | undefined): Promise<void> {
    if (this.#isClosed) return Promise.reject(closed());
    if (this.sizeBytes < this.bytesMax) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        this.#waitingForRoom.delete(enter);
        signal?.removeEventListener("abort", giveUp);
        if (this.#isClosed) reject(closed());
        else resolve();
      };
      const giveUp = (): void => {
        this.#waitingForRoom.delete(enter);
        reject(this.#full());
      };
      if (signal?.aborted === true) return reject(this.#full());
      signal?.addEventListener("abort", giveUp, { once: true });
      this.#waitingForRoom.add(enter);
    });
  }

  #mine(part: PartPort): SpoolPart {
    const found = this.parts.find((one) => one === part);
    // Given back while whoever asks was under way.
    if (found === undefined) throw closed();
    return found;
  }

  #full(): EpsilonError {
    return new EpsilonError(
      "spool_full",
      `the spool in ${this.#options.directory} holds ${this.sizeBytes} bytes, and may hold ${this.bytesMax}: ` +
        "an instance is behind or gone (see `epsilon status`); bring it back, take it off the list, or raise the limit",
    );
  }

  /** The part to write to: one that was adopted, or a new one. */
  #partOf(collection: string): Promise<SpoolPart> {
    const known = this.#own.get(collection);
    if (known !== undefined) return known;
    assert(isCollectionName(collection), `a collection's name is no path: ${collection}`);
    const found = this.#inTurn(async () => {
      if (this.#isClosed) throw closed();
      const adopted = this.parts.find((part) => part.collection === collection);
      return adopted ?? (await this.#make(collection));
    });
    this.#own.set(collection, found);
    // The next one who writes tries again.
    found.catch(() => this.#own.delete(collection));
    return found;
  }

  async #make(collection: string): Promise<SpoolPart> {
    const name = randomName(this.#env);
    await this.#env.files.makeDirectory(`${this.#folderOf(collection)}/${name}`);
    const part = await this.#take(collection, name);
    if (part === undefined)
      throw new EpsilonError("data_in_use", "another process took a part that was just made; try again");
    return part;
  }

  async #take(collection: string, name: string): Promise<SpoolPart | undefined> {
    const key = `${collection}/${name}`;
    if (this.#isClosed || this.#held.has(key)) return undefined;
    const directory = `${this.#folderOf(collection)}/${name}`;
    const lock = await takeLock(this.#env, directory);
    if (lock === undefined) return undefined;
    try {
      const { hash, fileBytesMax } = this.#options;
      const part = await openPart(this.#env, {
        directory,
        source: this.source,
        collection,
        ...(hash === undefined ? {} : { hash }),
        ...(fileBytesMax === undefined ? {} : { fileBytesMax }),
      });
      this.#held.set(key, { part, lock });
      this.#options.onPart?.(part);
      return part;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  #folderOf(collection: string): string {
    return `${this.#options.directory}/collections/${collection}`;
  }

  /** What opens and closes parts goes one after the other. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#work.then(work);
    this.#work = turn.catch(() => undefined);
    return turn;
  }
}

function closed(): EpsilonError {
  return new EpsilonError("closed", "the spool is closed; open it again to write");
}

/** The random part of the sources' names, drawn once a spool. Of several processes that draw one, the first wins. */
async function readOrMakeId(env: Env, directory: string): Promise<string> {
  const path = `${directory}/spool.json`;
  const known = await readId(env, path);
  if (known !== undefined) return known;
  const line = JSON.stringify({ format: "epsilon spool 1", id: randomName(env) });
  await publishFirst(env, { directory, name: "spool.json" }, `${line}\n`);
  return must(await readId(env, path));
}

async function readId(env: Env, path: string): Promise<string | undefined> {
  if (!(await env.files.exists(path))) return undefined;
  const text = await readSmallFile(env.files, path);
  const found = /^\{"format":"epsilon spool (\d+)","id":"([a-z0-9]{1,32})"[,}]/.exec(text);
  if (found === null)
    throw new EpsilonError("io_error", `${path} does not say what a spool's does; is the folder a spool?`);
  if (found[1] !== "1")
    throw new EpsilonError("data_from_newer_version", `${path} is of a newer release; use that release`);
  return found[2];
}
