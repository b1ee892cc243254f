/**
 * What the client needs of a spool: `Spool` keeps it in files, `StoredSpool` in a browser's database or in memory. So the
 * client itself knows no disk.
 */

import type { Env } from "@epsilon/env";
import type { Cursor } from "@epsilon/model";
import type { RejectedBySource } from "../loop/rejected.ts";
import type { Source } from "../sources/source.ts";

/** What one process, or one tab, at a time writes, and a source to send from. */
export interface PartPort extends Source {
  /** Which life of the part this is; every cursor of its chunks has it. */
  readonly stream: string;
  /** How many events lie before the end, those that were trimmed included. */
  readonly position: number;
  readonly sizeBytes: number;
  /** The oldest place that is still held. */
  start(): Promise<Cursor>;
}

/** A chunk's place: the part that it is in, and the cursor behind it. */
export interface Written<Part extends PartPort = PartPort> {
  readonly part: Part;
  readonly cursor: Cursor;
}

export interface SpoolPort {
  /** What instances know it by. */
  readonly source: string;
  /** All parts that are looked after here. */
  readonly sizeBytes: number;
  readonly bytesMax: number;
  /**
   * Appends named events, lines that each end in a newline, to the collection's part; settles with their cursor once
   * they are durable. While the spool is full it waits, until the signal is aborted: then it rejects with `spool_full`.
   * Rejects also with `disk_full`, `store_failed`, `closed`.
   */
  append(
    collection: string,
    chunk: { readonly lines: Uint8Array; readonly events: number },
    signal?: AbortSignal,
  ): Promise<Written>;
  /** Gives up what lies before a position of a part, and lets writers in where that makes room. */
  trim(part: PartPort, position: number): Promise<void>;
  /** Takes over the parts whose writers ended since. */
  adopt(): Promise<void>;
  /** Keeps an event that an instance refused, with the reason. */
  setAside(part: PartPort, rejected: RejectedBySource): Promise<void>;
  /** Waits for what is pending, and gives the parts back. */
  close(): Promise<void>;
}

/** Opens a spool; `onPart` is told of each part that is looked after here from now on. */
export type OpenSpool = (env: Env, onPart: (part: PartPort) => void) => Promise<SpoolPort>;
