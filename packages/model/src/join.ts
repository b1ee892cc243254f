/**
 * The join: of two versions of one key the greater stays, and a collection's state is what stays key by key.
 * It is commutative, associative and idempotent, so the order, repetition and overlap of deliveries cannot matter:
 * this is why instances need not talk to each other.
 *
 * Greater is: a tombstone over any content, whatever its revision; then the higher `_rev`; then the greater hash, which
 * means nothing but is the same everywhere.
 */

import { assert, unreachable } from "./errors.ts";
import type { Event, EventKey } from "./event.ts";
import { type Sha256, sha256 } from "./hash.ts";
import { type Comparison, compareUuids } from "./order.ts";
import { versionOf } from "./version.ts";

/** What ranks a version among those of its key. */
export interface Version {
  readonly deleted: boolean;
  readonly rev: number;
  /** `versionOf` the event, or the first 64 bits of it (16 hex digits) on both sides. */
  readonly hash: string;
}

/** What became of an event that was written, in the contract's words. */
export interface Outcome {
  /** `stored`: it is now the current version of its key. `duplicate`: that version or a greater one was there. */
  readonly kind: "stored" | "duplicate";
  /** Another content at the same revision: a conflict. */
  readonly conflict: boolean;
  /** Which one stays, where there is a conflict. */
  readonly kept: "given" | "existing" | undefined;
}

/** A collection's state: the winning version (its event) of each key, by `keyText`. */
export type State = Map<string, Event>;

/** A key as a text, one for each key. Not in key order. */
export function keyText(key: EventKey): string {
  return `${key.tsMicros}/${key.id}`;
}

/** The tombstone of a key. There is one only: all deletes of a key are the same version. */
export function tombstoneOf(key: EventKey): Event {
  return { tsMicros: key.tsMicros, id: key.id, rev: 0, deleted: true, fields: new Map() };
}

/** What ranks this event among the versions of its key. */
export function versionRank(event: Event, hash: Sha256 = sha256): Version {
  return { deleted: event.deleted, rev: event.rev, hash: versionOf(event, hash) };
}

/** Two versions of one key: which is the greater. 0 only if they are the same version. */
export function compareVersions(a: Version, b: Version): Comparison {
  if (a.deleted || b.deleted) return a.deleted === b.deleted ? 0 : a.deleted ? 1 : -1;
  if (a.rev !== b.rev) return a.rev < b.rev ? -1 : 1;
  // Lower-case hex of one length sorts as the numbers do; so does the text of UUIDs.
  return compareUuids(a.hash, b.hash);
}

/** What writing `incoming` does to a key whose current version is `current` (absent: there is none). */
export function outcome(current: Version | undefined, incoming: Version): Outcome {
  if (current === undefined) return { kind: "stored", conflict: false, kept: undefined };
  const comparison = compareVersions(incoming, current);
  const bothContent = !(current.deleted || incoming.deleted);
  const conflict = bothContent && current.rev === incoming.rev && comparison !== 0;
  switch (comparison) {
    case 1:
      return { kind: "stored", conflict, kept: conflict ? "given" : undefined };
    case 0:
    case -1:
      return { kind: "duplicate", conflict, kept: conflict ? "existing" : undefined };
    default:
      return unreachable(comparison);
  }
}

/** The winner of two events of one key; `a` if they are the same version. */
export function joinEvents(a: Event, b: Event, hash: Sha256 = sha256): Event {
  assert(a.tsMicros === b.tsMicros && a.id === b.id, "only events of one key can be joined");
  // The hashes decide last, and cost most.
  const decided = a.deleted || b.deleted || a.rev !== b.rev;
  const rankOf = (event: Event): Version =>
    decided ? { deleted: event.deleted, rev: event.rev, hash: "" } : versionRank(event, hash);
  return compareVersions(rankOf(b), rankOf(a)) > 0 ? b : a;
}

/** Puts an event into a state, in place, and says what that did. */
export function joinInto(state: State, event: Event, hash: Sha256 = sha256): Outcome {
  const text = keyText(event);
  const current = state.get(text);
  const rank = current === undefined ? undefined : versionRank(current, hash);
  const result = outcome(rank, versionRank(event, hash));
  if (result.kind === "stored") state.set(text, event);
  return result;
}

/** The join of two states, as a new one. */
export function joinStates(
  a: ReadonlyMap<string, Event>,
  b: ReadonlyMap<string, Event>,
  hash: Sha256 = sha256,
): State {
  const joined: State = new Map(a);
  for (const [text, event] of b) {
    const current = joined.get(text);
    joined.set(text, current === undefined ? event : joinEvents(current, event, hash));
  }
  return joined;
}
