/** A spool over a store of chunks: parts under `<collection>/<name>`, each held by one tab, which has its lock. */

import type { Env } from "@epsilon/env";
import type { Locks } from "@epsilon/env/browser";
import { bytesToHex, formatCursor, formatTimestamp, type Sha256 } from "@epsilon/model";
import type { RejectedBySource } from "../loop/rejected.ts";
import { type HeldPart, type Part, type PartAddress, type PartKeeper, Spool } from "../spool/spool.ts";
import type { ChunkStore } from "./chunk-store.ts";
import { openStoredPart, type StoredPart } from "./stored-part.ts";

export interface StoredSpoolOptions {
  readonly store: ChunkStore;
  readonly locks: Locks;
  readonly hash: Sha256;
  /** What its source's name begins with; the page's host if absent. */
  readonly sourcePrefix?: string | undefined;
  /** All parts of this tab together: beyond it, writers wait. */
  readonly bytesMax?: number | undefined;
  readonly onPart?: ((part: Part) => void) | undefined;
}

/** What browsers give a page without asking, and some more for others. */
const defaultBytesMax = 50_000_000;

/** Opens a spool and takes the parts of tabs that are closed. Rejects as the store does. */
export async function openStoredSpool(env: Env, options: StoredSpoolOptions): Promise<Spool<StoredPart>> {
  const { store, sourcePrefix = env.processes.hostName, bytesMax = defaultBytesMax, onPart } = options;
  const source = `${sourcePrefix}/${await store.id(bytesToHex(env.random.bytes(8)))}`;
  const spool = new Spool(new StoredParts(env, options, source), { source, bytesMax, onPart });
  try {
    await spool.adopt();
  } catch (error) {
    await spool.close();
    throw error;
  }
  return spool;
}

class StoredParts implements PartKeeper<StoredPart> {
  readonly #env: Env;
  readonly #options: StoredSpoolOptions;
  readonly #source: string;

  constructor(env: Env, options: StoredSpoolOptions, source: string) {
    this.#env = env;
    this.#options = options;
    this.#source = source;
  }

  get place(): string {
    return this.#options.store.place;
  }

  async list(): Promise<readonly PartAddress[]> {
    const records = await this.#options.store.parts();
    return records.map(({ part }) => {
      const [collection = "", name = ""] = part.split("/");
      return { collection, name };
    });
  }

  /** It is written down when it is taken: so nobody else sees it before it is locked. */
  async make(): Promise<string> {
    return bytesToHex(this.#env.random.bytes(8));
  }

  async take({ collection, name }: PartAddress): Promise<HeldPart<StoredPart> | undefined> {
    const { store, locks, hash } = this.#options;
    const part = `${collection}/${name}`;
    const release = await locks.take(`epsilon spool ${store.place} ${part}`);
    if (release === undefined) return undefined;
    try {
      const opened = await openStoredPart(this.#env, { store, part, source: this.#source, hash });
      return { part: opened, release: async () => release() };
    } catch (error) {
      release();
      throw error;
    }
  }

  setAside(_part: StoredPart, rejected: RejectedBySource): Promise<void> {
    const { instance, source, collection, cursor, line, code, message } = rejected;
    return this.#options.store.setAside({
      at: formatTimestamp(this.#env.clock.nowMicros()),
      instance,
      source,
      collection,
      cursor: formatCursor(cursor),
      code,
      message,
      event: new TextDecoder().decode(line),
    });
  }

  async close(): Promise<void> {
    this.#options.store.close();
  }
}
