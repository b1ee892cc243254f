/** What an instance answers to whoever compares it with another: digests of key ranges, versions, whole events. */

import type { EventKey } from "@epsilon/model";
import type { ReadOptions, ScanChunk } from "./event-store.ts";

/** Half-open: it holds `from` and not `to`. null is without a bound. */
export interface KeyRange {
  readonly from: EventKey | null;
  readonly to: EventKey | null;
}

export interface DigestRequest {
  readonly ranges: readonly KeyRange[];
  /** At most so many parts a range, of about equal count. */
  readonly split: number;
  /** Cut here instead, where a bound lies inside a range. */
  readonly bounds?: readonly EventKey[];
}

/** A part of a range: how many events and tombstones, and their digest (64 hex digits). */
export interface DigestPart extends KeyRange {
  readonly count: number;
  readonly digest: string;
}

/** A collection that is not there answers as an empty one. */
export interface Comparing {
  /** For each range its parts, which together are exactly the range. Tombstones count. Sees one moment. */
  digests(
    collection: string,
    request: DigestRequest,
    options: ReadOptions,
  ): Promise<readonly (readonly DigestPart[])[]>;
  /** Keys and versions in a range, as NDJSON in key order. A row that does not verify is left out, and reported. */
  keys(collection: string, range: KeyRange, options: ReadOptions): Promise<AsyncIterable<ScanChunk>>;
  /** The events and tombstones of these keys, as NDJSON ready to be written elsewhere; none that does not verify. */
  eventsOf(
    collection: string,
    keys: readonly EventKey[],
    options: ReadOptions,
  ): Promise<AsyncIterable<ScanChunk>>;
}
