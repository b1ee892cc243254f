/** What `epsilon push` says: rejected events with their lines, how far each instance is, and what it came to. */

import type { Delivered, ReplicatorState } from "@epsilon/client";
import type { Output } from "../output.ts";

const shownMax = 10;

/** An event that is no event, or that an instance refused. */
export interface Rejected {
  readonly file: string;
  /** From 1; 0 where it is not known. */
  readonly line: number;
  readonly code: string;
  readonly message: string;
}

/** `received` = `stored` + `duplicates` + `rejected`, on the instance that has come furthest. */
export interface Sums {
  readonly received: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly conflicts: number;
}

export const noSums: Sums = { received: 0, stored: 0, duplicates: 0, rejected: 0, conflicts: 0 };

export function addSums(a: Sums, b: Sums): Sums {
  return {
    received: a.received + b.received,
    stored: a.stored + b.stored,
    duplicates: a.duplicates + b.duplicates,
    rejected: a.rejected + b.rejected,
    conflicts: a.conflicts + b.conflicts,
  };
}

/** `pushed 3 events: 2 stored, 1 duplicates, 0 rejected`. */
export function summaryOf({ received, stored, duplicates, rejected }: Sums): string {
  return `pushed ${received} events: ${stored} stored, ${duplicates} duplicates, ${rejected} rejected`;
}

/** Collects what was rejected: each event once, whoever refuses it. */
export class Rejections {
  readonly #first: (Rejected & { readonly fileIndex: number })[] = [];
  readonly #seen = new Set<string>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The first of them, in the order of the files and their lines. */
  get first(): readonly Rejected[] {
    const inOrder = this.#first.toSorted((a, b) => a.fileIndex - b.fileIndex || a.line - b.line);
    return inOrder.map(({ fileIndex: _, ...rejected }) => rejected);
  }

  /** Another one. Several instances refuse the same event; it is counted once. */
  add(fileIndex: number, rejected: Rejected): void {
    const key = `${fileIndex}:${rejected.line}`;
    if (rejected.line > 0 && this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#count += 1;
    if (this.#first.length < shownMax) this.#first.push({ fileIndex, ...rejected });
  }

  print(output: Output): void {
    for (const rejected of this.first) output.complain(rejectionLine(rejected));
    if (this.#count > this.#first.length)
      output.complain(`… and ${this.#count - this.#first.length} more were rejected`);
  }
}

export function rejectionLine({ file, line, code, message }: Rejected): string {
  return `${file === "-" ? "stdin" : file}:${line === 0 ? "?" : line}: ${message} (${code})`;
}

/** The counts of a delivery: those of the instance that took most. Rejected ones are counted by whoever has seen them. */
export function sumsOf(delivered: readonly Delivered[], rejected: number): Sums {
  const counts = delivered.flatMap(({ counts: own }) => (own === null ? [] : [own]));
  const [first = noSums, ...more] = counts;
  const most = more.reduce((best, one) => (best.received < one.received ? one : best), first);
  const { stored, duplicates, conflicts } = most;
  return { received: stored + duplicates + rejected, stored, duplicates, rejected, conflicts };
}

/** A line for each instance, where there are several. */
export function instanceLines(delivered: readonly Delivered[]): readonly string[] {
  if (delivered.length < 2) return [];
  return delivered.map(({ url, isThere, counts, state }) => {
    const came = counts === null ? "" : `${counts.stored} stored, ${counts.duplicates} duplicates`;
    if (isThere) return `  ${url}: has all of it${came === "" ? "" : ` (${came})`}`;
    const why = state.lastError === null ? "" : `: ${state.lastError.message}`;
    return `  ${url}: not yet${why}; run it again, it goes on`;
  });
}

/** How far each instance is, in a few words: `host-a 40%, host-b down`. */
export function progressWords(states: readonly ReplicatorState[]): string {
  return states
    .map(({ url, cursor, lag, lastError }) => {
      const host = new URL(url).host;
      if (lastError !== null) return `${host} ${lastError.code}`;
      if (lag === null || cursor === null) return `${host} …`;
      return `${host} ${Math.floor((cursor.position / Math.max(1, cursor.position + lag)) * 100)}%`;
    })
    .join(", ");
}
