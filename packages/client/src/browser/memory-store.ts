/** Chunks in memory, where the browser keeps nothing: they are gone with the page. */

import { EpsilonError, must } from "@epsilon/model";
import {
  type ChunkStore,
  lettersMax,
  type PartRecord,
  type StoredChunk,
  startingAfter,
} from "./chunk-store.ts";

/** A store that nobody shares. Its promises settle in the order of the calls. */
export function createMemoryStore(): ChunkStore {
  const parts = new Map<string, PartRecord>();
  /** By part, in order. */
  const chunks = new Map<string, StoredChunk[]>();
  const letters: Readonly<Record<string, unknown>>[] = [];
  let kept: string | undefined;
  let isClosed = false;
  const of = (part: string): StoredChunk[] => chunks.get(part) ?? [];
  const whileOpen = async <T>(work: () => T): Promise<T> => {
    if (isClosed) throw new EpsilonError("closed", "the store is closed");
    return work();
  };
  return {
    place: "memory",
    id: (drawn) => whileOpen(() => (kept ??= drawn)),
    parts: () => whileOpen(() => [...parts.values()]),
    change: (part, to) =>
      whileOpen(() => {
        const changed = to(parts.get(part));
        parts.set(part, changed);
        return changed;
      }),
    add: (added) =>
      whileOpen(() => {
        for (const chunk of added) {
          if (!chunks.has(chunk.part)) chunks.set(chunk.part, []);
          of(chunk.part).push({ ...chunk, lines: chunk.lines.slice() });
        }
      }),
    lastUpTo: (part, position) => whileOpen(() => of(part).findLast(({ end }) => end <= position)),
    after: (part, position, count) =>
      whileOpen(() => {
        const held = of(part);
        const first = firstAfter(held, position);
        return held.slice(first, first + count);
      }),
    trim: (part, position) =>
      whileOpen(() => {
        const held = of(part);
        const dropped = held.splice(0, firstAfter(held, position));
        const record = startingAfter(must(parts.get(part)), dropped.at(-1));
        parts.set(part, record);
        return record;
      }),
    setAside: (letter) =>
      whileOpen(() => {
        letters.push(letter);
        if (lettersMax < letters.length) letters.shift();
      }),
    setAsides: () => whileOpen(() => [...letters]),
    close: () => {
      isClosed = true;
    },
  };
}

/** The index of the first chunk that ends behind a position. */
function firstAfter(held: readonly StoredChunk[], position: number): number {
  let [low, high] = [0, held.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (must(held[middle]).end <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
