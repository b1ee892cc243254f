/**
 * How far each source has come on each instance, as far as this reader was told: what an answer may lack, and which
 * instance misses least. Pure.
 */

import { type Cursor, parseCursor } from "@epsilon/model";
import type { SourceAnswer, StreamAnswer } from "../http/answers.ts";

/** Another instance is further in a stream than the one that answered. */
export interface Behind {
  readonly source: string;
  readonly stream: string;
  /** Where the one that answered stands; null where it has nothing of the stream. */
  readonly here: string | null;
  readonly elsewhere: string;
  /** The instance that is further: of several, the furthest. */
  readonly at: string;
}

/** As `meta.sources` has it: the streams of each source. */
export type SourcesByName = Readonly<Record<string, readonly StreamAnswer[]>>;

/** What an instance said last of one collection. */
interface Standing {
  /** Two addresses may be one instance. */
  readonly instance: string;
  readonly streams: ReadonlyMap<string, StreamStanding>;
}

interface StreamStanding {
  readonly source: string;
  readonly stream: string;
  readonly cursor: Cursor | null;
  readonly text: string | null;
  /** How much of what lies before the cursor was never there. */
  readonly gaps: number;
}

export class KnownSources {
  /** By collection, then by address. */
  readonly #standings = new Map<string, Map<string, Standing>>();

  /** An instance says how far the sources of a collection have come there. */
  learn(
    collection: string,
    url: string,
    said: { readonly instance: string; readonly sources: SourcesByName },
  ) {
    const streams = new Map<string, StreamStanding>();
    for (const [source, list] of Object.entries(said.sources))
      for (const one of list) streams.set(keyOf(source, one.stream), standingOf(source, one));
    const ofCollection = this.#standings.get(collection) ?? new Map<string, Standing>();
    ofCollection.set(url, { instance: said.instance, streams });
    this.#standings.set(collection, ofCollection);
  }

  /** Where other instances are known to be further than this one. */
  behind(collection: string, url: string): readonly Behind[] {
    const here = this.#standings.get(collection)?.get(url);
    const found: Behind[] = [];
    for (const [key, furthest] of this.#furthest(collection, here?.instance)) {
      const mine = here?.streams.get(key);
      if (furthest.position <= positionOf(mine)) continue;
      const { source, stream, text, at } = furthest;
      found.push({ source, stream, here: mine?.text ?? null, elsewhere: text, at });
    }
    return found;
  }

  /**
   * How much an instance misses of what any of them is known to have, in the positions of the sources, its gaps
   * included; infinite where it never said.
   */
  missing(collection: string, url: string): number {
    const here = this.#standings.get(collection)?.get(url);
    if (here === undefined) return Number.POSITIVE_INFINITY;
    let missing = 0;
    for (const { gaps } of here.streams.values()) missing += gaps;
    for (const [key, { position }] of this.#furthest(collection, here.instance))
      missing += Math.max(0, position - positionOf(here.streams.get(key)));
    return missing;
  }

  /** By stream, the furthest of all instances but one. */
  #furthest(collection: string, except: string | undefined) {
    const furthest = new Map<
      string,
      {
        readonly source: string;
        readonly stream: string;
        readonly position: number;
        readonly text: string;
        readonly at: string;
      }
    >();
    for (const [at, { instance, streams }] of this.#standings.get(collection) ?? []) {
      if (instance === except) continue;
      for (const [key, { source, stream, cursor, text }] of streams) {
        if (cursor === null || text === null) continue;
        const { position } = cursor;
        if ((furthest.get(key)?.position ?? -1) < position)
          furthest.set(key, { source, stream, position, text, at });
      }
    }
    return furthest;
  }
}

/** The answer of `…/sources` as `meta.sources` has it. */
export function sourcesByName(answer: readonly SourceAnswer[]): SourcesByName {
  return Object.fromEntries(answer.map(({ source, streams }) => [source, streams]));
}

// Neither name may have a space.
function keyOf(source: string, stream: string): string {
  return `${source} ${stream}`;
}

function standingOf(source: string, { stream, cursor, gaps }: StreamAnswer): StreamStanding {
  return {
    source,
    stream,
    cursor: cursor === null ? null : parseCursor(cursor),
    text: cursor,
    gaps: gaps.reduce((sum, { from, to }) => sum + to - (from ?? 0), 0),
  };
}

/** A stream that is not there is behind even the beginning. */
function positionOf(standing: StreamStanding | undefined): number {
  return standing?.cursor?.position ?? -1;
}
