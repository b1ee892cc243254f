/**
 * The ledger: where every source stands, as far as it is durable, and which collections and horizons there are.
 *
 * A claim on a cursor is decided here and nowhere else. Claims of one stream take turns (`enter`), each from its
 * decision until its frame is durable, so a decision never rests on a cursor that a crash could take back. A drop or a
 * forget bumps the collection's epoch at the moment it is appended; a decision made before it is made again.
 */

import { EpsilonError, formatCursor, parseCursor } from "@epsilon/model";
import type { SourceClaim, SourceInfo } from "../event-store.ts";

/** What a claim comes to. `accept` may be appended; `repeat` is a retry of what is durable already. */
export type Decision = { readonly kind: "accept" } | { readonly kind: "repeat" };

/** Where a stream of a source stands. */
export interface SourceStanding {
  readonly collection: string;
  readonly source: string;
  readonly cursor: string;
}

interface Standing {
  readonly cursor: string;
  readonly loggedAt: number;
}

export class Ledger {
  readonly #standings = new Map<string, Standing>();
  readonly #turns = new Map<string, Promise<void>>();
  readonly #epochs = new Map<string, number>();
  readonly #collections = new Set<string>();
  readonly #horizons = new Map<string, bigint>();
  #snapshotted = new Map<string, string>();

  /** Whether anything was ever written to the collection (durably). */
  hasCollection(collection: string): boolean {
    return this.#collections.has(collection);
  }

  addCollection(collection: string): void {
    this.#collections.add(collection);
  }

  collections(): readonly string[] {
    return [...this.#collections];
  }

  horizonMicros(collection: string): bigint | null {
    return this.#horizons.get(collection) ?? null;
  }

  /** A horizon only moves forward. */
  raiseHorizon(collection: string, horizonMicros: bigint): void {
    const current = this.#horizons.get(collection);
    if (current === undefined || current < horizonMicros) this.#horizons.set(collection, horizonMicros);
  }

  /** Changes whenever cursors of the collection are taken away. */
  epoch(collection: string): number {
    return this.#epochs.get(collection) ?? 0;
  }

  /** Waits for its turn at a stream; the caller must call what it gets when its frame is durable or given up. */
  async enter(collection: string, claim: SourceClaim): Promise<() => void> {
    const key = streamKey(collection, claim.source, parseCursor(claim.cursor).stream);
    const before = this.#turns.get(key) ?? Promise.resolve();
    let leave = (): void => {};
    const turn = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const mine = before.then(() => turn);
    this.#turns.set(key, mine);
    await before;
    return () => {
      leave();
      if (this.#turns.get(key) === mine) this.#turns.delete(key);
    };
  }

  /** Decides a claim against what is durable. Throws `cursor_mismatch` with `details.cursor`, or `bad_cursor`. */
  decide(collection: string, claim: SourceClaim): Decision {
    const cursor = parseCursor(claim.cursor);
    const standing = this.findCursor(collection, claim.source, cursor.stream);
    if (standing === formatCursor(cursor)) return { kind: "repeat" };
    if (claim.after === "*") {
      // A source that lost a range starts again behind it; it may not lead back behind what is stored.
      if (standing === null || parseCursor(standing).position < cursor.position) return { kind: "accept" };
      throw mismatch(standing);
    }
    if (claim.after !== null) requireFurther(claim.after, claim.cursor);
    const after = claim.after === null ? null : formatCursor(parseCursor(claim.after));
    if (standing === after) return { kind: "accept" };
    throw mismatch(standing);
  }

  /** The durable cursor of a stream, or null. */
  findCursor(collection: string, source: string, stream: string): string | null {
    return this.#standings.get(streamKey(collection, source, stream))?.cursor ?? null;
  }

  /** All durable cursors. */
  cursors(): readonly SourceStanding[] {
    return [...this.#standings].map(([key, { cursor }]) => {
      const [collection = "", source = ""] = key.split("\n");
      return { collection, source, cursor };
    });
  }

  /** What snapshots hold, from now on. */
  setSnapshotted(cursors: readonly SourceStanding[]): void {
    this.#snapshotted = new Map(
      cursors.map(({ collection, source, cursor }) => [
        streamKey(collection, source, parseCursor(cursor).stream),
        cursor,
      ]),
    );
  }

  /** How far a stream is in a snapshot, or null; never further than it stands. */
  findSnapshotted(collection: string, source: string, stream: string): string | null {
    const standing = this.findCursor(collection, source, stream);
    const found = this.#snapshotted.get(streamKey(collection, source, stream));
    if (standing === null || found === undefined) return null;
    return parseCursor(found).position <= parseCursor(standing).position ? found : standing;
  }

  /** A frame with a cursor became durable. Frames become durable in the order of their offsets. */
  advance(
    collection: string,
    claim: { readonly source: string; readonly cursor: string },
    loggedAt: number,
  ): void {
    const { stream } = parseCursor(claim.cursor);
    this.#standings.set(streamKey(collection, claim.source, stream), { cursor: claim.cursor, loggedAt });
  }

  /** A drop or forget is being appended: decisions made before are void. */
  bumpEpoch(collection: string): void {
    this.#epochs.set(collection, this.epoch(collection) + 1);
  }

  /** A drop (no source) or forget became durable. */
  forget(collection: string, source?: string): void {
    const prefix = source === undefined ? `${collection}\n` : `${collection}\n${source}\n`;
    for (const key of this.#standings.keys()) if (key.startsWith(prefix)) this.#standings.delete(key);
    for (const key of this.#snapshotted.keys()) if (key.startsWith(prefix)) this.#snapshotted.delete(key);
    if (source === undefined) {
      this.#collections.delete(collection);
      this.#horizons.delete(collection);
    }
  }
}

/** A source with how far each of its streams is in a snapshot. */
export function withSnapshotted(ledger: Ledger, collection: string, info: SourceInfo): SourceInfo {
  const streams = info.streams.map((stream) => ({
    ...stream,
    snapshotted: ledger.findSnapshotted(collection, info.source, stream.stream),
  }));
  return { ...info, streams };
}

function requireFurther(after: string, cursor: string): void {
  const from = parseCursor(after);
  const to = parseCursor(cursor);
  if (from.stream === to.stream && from.position < to.position) return;
  throw new EpsilonError(
    "bad_cursor",
    `Epsilon-Cursor ${cursor} does not lead further than Epsilon-After ${after}`,
  );
}

function mismatch(standing: string | null): EpsilonError {
  const where = standing === null ? "has no cursor of this stream" : `stands at ${standing}`;
  return new EpsilonError("cursor_mismatch", `the instance ${where}; send what follows it`, {
    details: { cursor: standing },
  });
}

/** Newlines occur in no name, so they separate. */
function streamKey(collection: string, source: string, stream: string): string {
  return `${collection}\n${source}\n${stream}`;
}
