/**
 * A spool: where a client keeps what it writes until the instances have it. It holds parts; a process, or a tab, writes
 * to one of its own for each collection, and looks after those whose writers ended. Where parts are kept is a parameter:
 * in files (`disk-spool.ts`), in a browser's database or in memory (`browser/`).
 */

import type { Env } from "@epsilon/env";
import { assert, type Cursor, EpsilonError, isCollectionName } from "@epsilon/model";
import type { RejectedBySource } from "../loop/rejected.ts";
import type { Source } from "../sources/source.ts";
import { closed, Room } from "./room.ts";

/** What one process, or one tab, at a time writes, and a source to send from. */
export interface Part extends Source {
  /** Which life of the part this is; every cursor of its chunks has it. */
  readonly stream: string;
  /** How many events lie before the end, those that were trimmed included. */
  readonly position: number;
  readonly sizeBytes: number;
  /** The oldest place that is still held. */
  start(): Promise<Cursor>;
  /**
   * Appends a chunk: lines of named events, each ending in a newline, which must stay as they are. Settles with the
   * cursor behind them when they are durable. Rejects with `disk_full` (they are not in the spool), `store_failed`, `closed`.
   */
  append(lines: Uint8Array, events: number): Promise<Cursor>;
  /** Gives up what lies before a position. */
  trim(position: number): Promise<void>;
  /** Waits for what is pending. Readers end, later appends reject with `closed`. */
  close(): Promise<void>;
}

/** Where parts are kept, and who holds them. */
export interface PartKeeper<P extends Part> {
  /** For people: a folder, a database. */
  readonly place: string;
  /** All parts that there are, whoever holds them. */
  list(): Promise<readonly PartAddress[]>;
  /** Makes a new part, and answers its name. */
  make(collection: string): Promise<string>;
  /** Opens a part that nobody alive holds, and holds it from now on; undefined if somebody does. */
  take(address: PartAddress): Promise<HeldPart<P> | undefined>;
  /** Keeps an event that an instance refused, with the reason. */
  setAside(part: P, rejected: RejectedBySource): Promise<void>;
  close(): Promise<void>;
}

export interface PartAddress {
  readonly collection: string;
  readonly name: string;
}

export interface HeldPart<P extends Part> {
  readonly part: P;
  /** Gives it back. */
  readonly release: () => Promise<void>;
}

/** A chunk's place: the part that it is in, and the cursor behind it. */
export interface Written<P extends Part = Part> {
  readonly part: P;
  readonly cursor: Cursor;
}

/** Opens a spool; `onPart` is told of each part that is looked after here from now on. */
export type OpenSpool = (env: Env, onPart: (part: Part) => void) => Promise<Spool>;

export interface SpoolSettings {
  /** What instances know it by. */
  readonly source: string;
  /** All parts together: beyond it, writers wait. */
  readonly bytesMax: number;
  readonly onPart?: ((part: Part) => void) | undefined;
}

export class Spool<P extends Part = Part> {
  readonly #keeper: PartKeeper<P>;
  readonly #settings: SpoolSettings;
  readonly #held = new Map<string, HeldPart<P>>();
  /** The part that is written to here, by collection. */
  readonly #own = new Map<string, Promise<P>>();
  readonly #room: Room;
  #work: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(keeper: PartKeeper<P>, settings: SpoolSettings) {
    this.#keeper = keeper;
    this.#settings = settings;
    this.#room = new Room({ hasRoom: () => this.sizeBytes < this.bytesMax, full: () => this.#full() });
  }

  /** What instances know it by. */
  get source(): string {
    return this.#settings.source;
  }

  /** All parts that are looked after here. */
  get parts(): readonly P[] {
    return [...this.#held.values()].map(({ part }) => part);
  }

  get sizeBytes(): number {
    return this.parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  }

  get bytesMax(): number {
    return this.#settings.bytesMax;
  }

  /**
   * Appends named events, lines that each end in a newline, to the collection's part; settles with their cursor once
   * they are durable. While the spool is full it waits, until the signal is aborted: then it rejects with `spool_full`.
   * Rejects also with `disk_full`, `store_failed`, `closed`.
   */
  async append(
    collection: string,
    chunk: { readonly lines: Uint8Array; readonly events: number },
    signal?: AbortSignal,
  ): Promise<Written<P>> {
    await this.#room.enter(signal);
    const part = await this.#partOf(collection);
    return { part, cursor: await part.append(chunk.lines, chunk.events) };
  }

  /** Gives up what lies before a position of a part, and lets writers in where that makes room. */
  async trim(part: P, position: number): Promise<void> {
    await part.trim(position);
    this.#room.look();
  }

  /** Takes over the parts whose writers ended since. Part by part: one that cannot be opened does not keep the others. */
  adopt(): Promise<void> {
    return this.#inTurn(async () => {
      for (const address of await this.#keeper.list()) await this.#take(address);
    });
  }

  /** Keeps an event that an instance refused, with the reason. */
  setAside(part: P, rejected: RejectedBySource): Promise<void> {
    return this.#keeper.setAside(part, rejected);
  }

  /** Waits for what is pending, and gives the parts back. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#room.close();
    await this.#inTurn(async () => {
      for (const [key, { part, release }] of this.#held) {
        this.#held.delete(key);
        await part.close();
        await release();
      }
      await this.#keeper.close();
    });
  }

  #full(): EpsilonError {
    return new EpsilonError(
      "spool_full",
      `the spool in ${this.#keeper.place} holds ${this.sizeBytes} bytes, and may hold ${this.bytesMax}: ` +
        "an instance is behind or gone (see `epsilon status`); bring it back, take it off the list, or raise the limit",
    );
  }

  /** The part to write to: one that was adopted, or a new one. */
  #partOf(collection: string): Promise<P> {
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

  async #make(collection: string): Promise<P> {
    const part = await this.#take({ collection, name: await this.#keeper.make(collection) });
    if (part === undefined)
      throw new EpsilonError("data_in_use", "another process took a part that was just made; try again");
    return part;
  }

  async #take(address: PartAddress): Promise<P | undefined> {
    const key = `${address.collection}/${address.name}`;
    if (this.#isClosed || this.#held.has(key)) return undefined;
    const held = await this.#keeper.take(address);
    if (held === undefined) return undefined;
    this.#held.set(key, held);
    this.#settings.onPart?.(held.part);
    return held.part;
  }

  /** What opens and closes parts goes one after the other. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#work.then(work);
    this.#work = turn.catch(() => undefined);
    return turn;
  }
}
