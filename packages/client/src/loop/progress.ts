/** How far an instance has durably come in a source, and who waits for it to come further. */

import { type Cursor, EpsilonError, formatCursor } from "@epsilon/model";
import { isSamePlace } from "./batch.ts";

interface Waiter {
  readonly cursor: Cursor;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Progress {
  /** By stream. Only places at which the source agreed that they are its own. */
  readonly #reached = new Map<string, Cursor>();
  readonly #waiters = new Set<Waiter>();
  #current: Cursor | null = null;
  #end: { readonly error: unknown } | undefined;

  /** Where the instance stands in the stream that is sent; null at its beginning. */
  get current(): Cursor | null {
    return this.#current;
  }

  /** The instance said where it stands: in no stream is it further than that. */
  standsAt(standing: readonly Cursor[]): void {
    for (const [stream, reached] of this.#reached) {
      const stands = standing.find((cursor) => cursor.stream === stream);
      if (stands === undefined) this.#reached.delete(stream);
      else if (stands.position < reached.position) this.#reached.set(stream, stands);
    }
  }

  /** The source goes on from here. */
  resumes(at: Cursor | null): void {
    if (at !== null) this.reaches(at);
    this.#current = at;
  }

  /** The instance durably stands here. */
  reaches(cursor: Cursor): void {
    this.#current = cursor;
    this.#reached.set(cursor.stream, cursor);
    for (const waiter of this.#waiters)
      if (this.#isReached(waiter.cursor)) this.#settle(waiter, waiter.resolve);
  }

  /**
   * Settles when the instance durably stands at a cursor or beyond it in its stream. Rejects with the signal's reason,
   * with `cursor_mismatch` if the source began a new stream before that, with `closed` when the loop ends.
   */
  async waitFor(cursor: Cursor, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#isReached(cursor)) return;
    if (this.#end !== undefined) throw this.#end.error;
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => this.#settle(waiter, () => waiter.reject(signal?.reason));
      const waiter: Waiter = {
        cursor,
        resolve: () => {
          signal?.removeEventListener("abort", abort);
          resolve();
        },
        reject: (error) => {
          signal?.removeEventListener("abort", abort);
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** What is waited for now, to be handed to `streamIs`. */
  get waiting(): readonly unknown[] {
    return [...this.#waiters];
  }

  /** The source ends in this stream and the instance is in it: it will not come further in any other. */
  streamIs(stream: string, waiting: readonly unknown[]): void {
    if (this.#current?.stream !== stream) return;
    for (const waiter of this.#waiters) {
      if (waiter.cursor.stream === stream || !waiting.includes(waiter)) continue;
      const message = `the source began a new stream before the instance reached ${formatCursor(waiter.cursor)}; wait for a cursor of ${stream}`;
      this.#settle(waiter, () => waiter.reject(new EpsilonError("cursor_mismatch", message)));
    }
  }

  /** Nothing moves any more. */
  end(error: unknown): void {
    this.#end = { error };
    for (const waiter of this.#waiters) this.#settle(waiter, () => waiter.reject(error));
  }

  #isReached(cursor: Cursor): boolean {
    const reached = this.#reached.get(cursor.stream);
    if (reached === undefined) return false;
    return cursor.position < reached.position || isSamePlace(cursor, reached);
  }

  #settle(waiter: Waiter, how: () => void): void {
    this.#waiters.delete(waiter);
    how();
  }
}
