/**
 * Says of a frame that all its keys are new, where that is plain to see without the tables: then its outcome is known
 * as soon as it is durable (docs/decisions/0010). It errs on one side only: "perhaps not" costs waiting for the tables.
 *
 * A key may be there already in three places: in a frame that waits, in one that was applied lately, or in the tables.
 * Of the first two every id is remembered; of the tables the time ranges in which they have events.
 */

import type { LoggedFrame } from "./frames.ts";
import { KeySet } from "./key-set.ts";
import { type TimeRange, TimeRanges } from "./time-ranges.ts";

/** Ids of frames that were logged between two groups, and where they lie. */
interface Generation {
  readonly ids: KeySet;
  readonly ranges: TimeRange[];
  /** The log's offset behind the last of them. */
  end: number;
}

interface Collection {
  /** Where the tables have events, or a frame whose ids are not remembered will have. */
  readonly covered: TimeRanges;
  /** The newest last; frames are added to the last one. */
  generations: Generation[];
  /** Behind the last frame whose ids are not remembered: what follows is not known to be new until it is applied. */
  unknownEnd: number;
}

export class NewKeys {
  readonly #collections = new Map<string, Collection>();
  #appliedOffset: number;
  #appliedBefore: number;

  constructor(state: {
    readonly appliedOffset: number;
    readonly covered: readonly (TimeRange & { readonly collection: string })[];
  }) {
    this.#appliedOffset = state.appliedOffset;
    this.#appliedBefore = state.appliedOffset;
    for (const { collection, from, to } of state.covered) this.#of(collection).covered.add(from, to);
  }

  /**
   * Takes a durable frame, in the order of the log, with the hashes of its ids or null. True if every one of its
   * lines is certain to be stored: none is a tombstone, and no key was there before or is there twice.
   */
  take(frame: LoggedFrame, idHashes: Float64Array | null): boolean {
    const { header } = frame;
    if (header.kind === "drop") this.#collections.delete(header.collection);
    if (header.kind !== "events") return false;
    if (header.tsMin === undefined || header.tsMax === undefined) return header.lines === 0;
    const collection = this.#of(header.collection);
    const [from, to] = [BigInt(header.tsMin), BigInt(header.tsMax)];
    const isNew =
      idHashes !== null &&
      header.tombstones === 0 &&
      collection.unknownEnd <= this.#appliedOffset &&
      !collection.covered.touches(from, to) &&
      remember(collection, idHashes);
    if (isNew) {
      const generation = lastOf(collection);
      generation.ranges.push({ from, to });
      generation.end = frame.end;
    } else {
      collection.unknownEnd = frame.end;
      collection.covered.add(from, to);
    }
    return isNew;
  }

  /** A group is in the tables. What was applied with the group before it is no longer remembered id by id. */
  applied(offset: number): void {
    this.#appliedBefore = this.#appliedOffset;
    this.#appliedOffset = offset;
    for (const collection of this.#collections.values()) {
      const { generations, covered } = collection;
      if (generations.length === 0) continue;
      const isOld = ({ end }: Generation): boolean => end <= this.#appliedBefore;
      for (const { ranges } of generations.filter(isOld))
        for (const { from, to } of ranges) covered.add(from, to);
      collection.generations = generations.filter((generation) => !isOld(generation));
      const last = collection.generations.at(-1);
      if (last !== undefined && last.ids.size > 0) collection.generations.push(emptyGeneration());
    }
  }

  #of(name: string): Collection {
    const found = this.#collections.get(name);
    if (found !== undefined) return found;
    const made: Collection = { covered: new TimeRanges(), generations: [], unknownEnd: 0 };
    this.#collections.set(name, made);
    return made;
  }
}

/** Adds the ids. False if one of them was there; those before it stay, which errs on the safe side. */
function remember(collection: Collection, idHashes: Float64Array): boolean {
  const own = lastOf(collection).ids;
  const others = collection.generations.slice(0, -1);
  for (const hash of idHashes) {
    for (const { ids } of others) if (ids.has(hash)) return false;
    if (!own.add(hash)) return false;
  }
  return true;
}

function lastOf(collection: Collection): Generation {
  const last = collection.generations.at(-1) ?? emptyGeneration();
  if (collection.generations.length === 0) collection.generations.push(last);
  return last;
}

function emptyGeneration(): Generation {
  return { ids: new KeySet(), ranges: [], end: 0 };
}
