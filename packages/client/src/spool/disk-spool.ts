/**
 * A spool in a folder: a folder a collection, and in it a folder a part (docs/formats/spool.md), held by a process for as
 * long as it lives (docs/formats/spool-lock.md).
 */

import type { Env } from "@epsilon/env";
import { EpsilonError, isCollectionName, must, type Sha256 } from "@epsilon/model";
import type { RejectedBySource } from "../loop/rejected.ts";
import { writeDeadLetter } from "./dead-letters.ts";
import { openPart, type SpoolPart } from "./part.ts";
import { takeLock } from "./part-lock.ts";
import { publishFirst, randomName, readSmallFile } from "./small-files.ts";
import { type HeldPart, type Part, type PartAddress, type PartKeeper, Spool } from "./spool.ts";

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
  readonly onPart?: (part: Part) => void;
}

const defaultBytesMax = 10_000_000_000;

/** Opens a spool and takes all parts that nobody alive holds. Rejects as `openPart` does. */
export async function openSpool(env: Env, options: SpoolOptions): Promise<Spool<SpoolPart>> {
  const { directory, sourcePrefix = env.processes.hostName, bytesMax = defaultBytesMax, onPart } = options;
  await env.files.makeDirectory(`${directory}/collections`);
  const source = `${sourcePrefix}/${await readOrMakeId(env, directory)}`;
  const spool = new Spool(new PartsOnDisk(env, options, source), { source, bytesMax, onPart });
  try {
    await spool.adopt();
  } catch (error) {
    await spool.close();
    throw error;
  }
  return spool;
}

class PartsOnDisk implements PartKeeper<SpoolPart> {
  readonly #env: Env;
  readonly #options: SpoolOptions;
  readonly #source: string;

  constructor(env: Env, options: SpoolOptions, source: string) {
    this.#env = env;
    this.#options = options;
    this.#source = source;
  }

  get place(): string {
    return this.#options.directory;
  }

  async list(): Promise<readonly PartAddress[]> {
    const found: PartAddress[] = [];
    for (const collection of await this.#env.files.list(`${this.place}/collections`)) {
      if (!isCollectionName(collection)) continue;
      for (const name of await this.#env.files.list(`${this.place}/collections/${collection}`))
        found.push({ collection, name });
    }
    return found;
  }

  async make(collection: string): Promise<string> {
    const name = randomName(this.#env);
    await this.#env.files.makeDirectory(this.#folderOf({ collection, name }));
    return name;
  }

  async take(address: PartAddress): Promise<HeldPart<SpoolPart> | undefined> {
    const directory = this.#folderOf(address);
    const lock = await takeLock(this.#env, directory);
    if (lock === undefined) return undefined;
    try {
      const { hash, fileBytesMax } = this.#options;
      const part = await openPart(this.#env, {
        directory,
        source: this.#source,
        collection: address.collection,
        ...(hash === undefined ? {} : { hash }),
        ...(fileBytesMax === undefined ? {} : { fileBytesMax }),
      });
      return { part, release: () => lock.release() };
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  setAside(part: SpoolPart, rejected: RejectedBySource): Promise<void> {
    return writeDeadLetter(this.#env, part.directory, rejected);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #folderOf({ collection, name }: PartAddress): string {
    return `${this.place}/collections/${collection}/${name}`;
  }
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
