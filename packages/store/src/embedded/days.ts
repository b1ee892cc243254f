/**
 * One digest a day and collection, kept up to date by the transaction that writes.
 *
 * They answer "how many, and are they the same" for whole collections without reading a row, and tell a question for
 * the newest events where to begin. In memory they are what is committed; a transaction stages its changes and
 * commits or forgets them with itself.
 */

import { addDigests, type Digest, emptyDigest, must, subtractDigests } from "@epsilon/model";
import { quoteString } from "@epsilon/query";
import type { SqlRow, SqlValue } from "./database.ts";

/** What a day holds. `digest` covers events and tombstones. */
export interface Day {
  readonly events: number;
  readonly tombstones: number;
  readonly digest: Digest;
}

const emptyDay: Day = { events: 0, tombstones: 0, digest: emptyDigest };

/** A change of one day: added (sign 1) or taken away (-1). */
export interface DayChange extends Day {
  readonly day: number;
  readonly sign: 1 | -1;
}

export class Days {
  readonly #committed = new Map<string, Map<number, Day>>();
  #staged = new Map<string, Map<number, Day>>();
  #dropped = new Set<string>();

  /** Takes a row of `epsilon.days`. */
  add(collection: string, day: number, value: Day): void {
    this.#of(this.#committed, collection).set(day, value);
  }

  of(collection: string): ReadonlyMap<number, Day> {
    return this.#committed.get(collection) ?? new Map();
  }

  totals(collection: string): Day {
    let total = emptyDay;
    for (const day of this.of(collection).values()) total = add(total, day, 1);
    return total;
  }

  /** Stages changes of the running transaction. */
  stage(collection: string, changes: Iterable<DayChange>): void {
    const staged = this.#of(this.#staged, collection);
    for (const change of changes) {
      const before = staged.get(change.day) ?? this.of(collection).get(change.day) ?? emptyDay;
      staged.set(change.day, add(before, change, change.sign));
    }
  }

  /** Stages what a day holds now, whatever it held. */
  stageValue(collection: string, day: number, value: Day): void {
    this.#of(this.#staged, collection).set(day, value);
  }

  stageDrop(collection: string): void {
    this.#dropped.add(collection);
  }

  /** The SQL that writes what is staged. */
  sql(): string {
    const statements = [...this.#dropped].map(
      (name) => `DELETE FROM epsilon.days WHERE collection = ${quoteString(name)};`,
    );
    for (const [collection, days] of this.#staged) {
      if (days.size === 0) continue;
      const name = quoteString(collection);
      const rows = [...days].filter(([, value]) => !isEmpty(value));
      statements.push(
        `DELETE FROM epsilon.days WHERE collection = ${name} AND day IN (${[...days.keys()].join(", ")});`,
      );
      if (rows.length === 0) continue;
      const values = rows.map(
        ([day, { events, tombstones, digest }]) =>
          `(${name}, ${day}, ${events}, ${tombstones}, ${digest.lanes.join(", ")})`,
      );
      statements.push(`INSERT INTO epsilon.days VALUES ${values.join(", ")};`);
    }
    return statements.join("\n");
  }

  /** The transaction is committed. */
  commit(): void {
    for (const collection of this.#dropped) this.#committed.delete(collection);
    for (const [collection, days] of this.#staged) {
      const committed = this.#of(this.#committed, collection);
      for (const [day, value] of days) {
        if (isEmpty(value)) committed.delete(day);
        else committed.set(day, value);
      }
    }
    this.rollback();
  }

  /** The transaction is rolled back. */
  rollback(): void {
    this.#staged = new Map();
    this.#dropped = new Set();
  }

  #of(map: Map<string, Map<number, Day>>, collection: string): Map<number, Day> {
    const found = map.get(collection) ?? new Map<number, Day>();
    map.set(collection, found);
    return found;
  }
}

/** Lanes from four sums, which DuckDB gives as HUGEINT. */
export function digestFromSums(count: number, sums: SqlRow): Digest {
  const lane = (index: number): bigint => BigInt.asUintN(64, toBigInt(sums[index]));
  return { count, lanes: [lane(0), lane(1), lane(2), lane(3)] };
}

/** An integer out of DuckDB, which gives small ones as numbers and large ones as bigints. */
export function toBigInt(value: SqlValue | undefined): bigint {
  if (typeof value === "bigint") return value;
  return BigInt(must(value, "a sum of the tables"));
}

function add(to: Day, change: Day, sign: 1 | -1): Day {
  const combine = sign === 1 ? addDigests : subtractDigests;
  return {
    events: to.events + sign * change.events,
    tombstones: to.tombstones + sign * change.tombstones,
    digest: combine(to.digest, change.digest),
  };
}

function isEmpty(day: Day): boolean {
  return day.events === 0 && day.tombstones === 0;
}
