/**
 * Loads the lines of one collection, inside the writer's transaction: optimistically, else carefully.
 *
 * The lines lie in one scratch file that is written anew for each group and never synced: should it be lost, the log
 * has them. `load-sql.ts` has the statements, `docs/decisions/0005` says why a file.
 */

import type { FileHandle } from "@epsilon/env";
import { assert, EpsilonError } from "@epsilon/model";
import { type Columns, fold, typeBits } from "./columns.ts";
import type { Database, SqlRow } from "./database.ts";
import { type DayChange, digestFromSums } from "./days.ts";
import {
  carefulDaysSql,
  carefulDropSql,
  carefulOutcomesSql,
  carefulSql,
  collisionsSql,
  insertSql,
  type Load,
  type LoadColumn,
} from "./load-sql.ts";
import { rewriteLines } from "./rewrite.ts";

/** A scratch file up to this size may stay. */
const scratchKeptBytes = 4 * 1024 * 1024;

/** The lines of one collection in a group. */
export interface Batch {
  readonly collection: string;
  readonly payloads: readonly Uint8Array[];
  readonly lines: number;
  readonly tombstones: number;
  readonly tsMin: bigint;
  readonly tsMax: bigint;
  /** Field name to the bit mask of its types, over all frames. */
  readonly fields: ReadonlyMap<string, number>;
}

/** A line that was not simply stored. Lines count from 0 within the batch. */
export interface LineOutcome {
  readonly line: number;
  readonly duplicate: boolean;
  readonly conflict: boolean;
  readonly kept: "given" | "existing";
}

export interface Loaded {
  readonly days: readonly DayChange[];
  /** In the order of the lines; all others were stored. */
  readonly outcomes: readonly LineOutcome[];
  /** Whether some keys were there already. */
  readonly collided: boolean;
}

/** The optimistic insert met keys that were there: roll back and do it carefully. */
export const collided = Symbol("collided");

export class Loader {
  readonly #database: Database;
  readonly #scratch: { readonly path: string; readonly file: FileHandle };

  constructor(database: Database, scratch: { readonly path: string; readonly file: FileHandle }) {
    this.#database = database;
    this.#scratch = scratch;
  }

  /** Writes the batch's lines to the scratch file and says how to load them. */
  async stage(
    batch: Batch,
    columns: Columns,
    options: { readonly sequence: number; readonly mayBeDead: boolean },
  ): Promise<Load> {
    const direct = directColumns(batch.fields, columns);
    let payloads = batch.payloads;
    let load: readonly LoadColumn[];
    if (direct === null) {
      const rewritten = rewriteLines(concat(batch.payloads), columns);
      payloads = [rewritten.lines];
      load = rewritten.columns;
    } else {
      load = direct;
    }
    await this.#scratch.file.truncate(0);
    await this.#scratch.file.append(payloads);
    const { collection, tsMin, tsMax } = batch;
    return {
      file: this.#scratch.path,
      collection,
      columns: load,
      more: direct === null,
      lines: batch.lines,
      sizeBytes: payloads.reduce((sum, payload) => sum + payload.length, 0),
      tsMin,
      tsMax,
      ...options,
    };
  }

  /** Gives a large group's disk space and page cache back. */
  async clear(load: Load): Promise<void> {
    if (load.sizeBytes > scratchKeptBytes) await this.#scratch.file.truncate(0);
  }

  /** One pass. Gives `collided` if the transaction has to be rolled back. */
  async loadOptimistically(load: Load): Promise<Loaded | typeof collided> {
    await this.#database.write(insertSql(load));
    const rows = await this.#database.readInWriter(collisionsSql(load));
    const days: DayChange[] = [];
    let loaded = 0;
    for (const [day, count, ...sums] of rows) {
      if (day === null) {
        if (Number(count) > 0) return collided;
        continue;
      }
      const events = Number(count);
      loaded += events;
      days.push({ day: Number(day), sign: 1, events, tombstones: 0, digest: digestFromSums(events, sums) });
    }
    assertLoaded(load, loaded);
    return { days, outcomes: [], collided: false };
  }

  /** Line by line in effect, set by set in SQL. */
  async loadCarefully(load: Load): Promise<Loaded> {
    for (const sql of carefulSql(load)) await this.#database.write(sql);
    const [incoming] = await this.#database.readInWriter("SELECT count(*) FROM incoming");
    assertLoaded(load, Number(incoming?.[0]));
    const days = (await this.#database.readInWriter(carefulDaysSql)).map(changeOf);
    const outcomes = (await this.#database.readInWriter(carefulOutcomesSql)).map(outcomeOf);
    await this.#database.write(carefulDropSql);
    return {
      days,
      outcomes: outcomes.filter(({ duplicate, conflict }) => duplicate || conflict),
      collided: outcomes.length > 0,
    };
  }
}

/** Lines that are not there and not refused either are no line's fault: stop, and recover from the log. */
function assertLoaded(load: Load, loaded: number): void {
  if (loaded === load.lines) return;
  throw new EpsilonError("store_failed", `${load.lines} lines were written to be loaded, and ${loaded} were`);
}

function changeOf([day, sign, events, tombstones, ...sums]: SqlRow): DayChange {
  const count = Number(events) + Number(tombstones);
  return {
    day: Number(day),
    sign: Number(sign) === 1 ? 1 : -1,
    events: Number(events),
    tombstones: Number(tombstones),
    digest: digestFromSums(count, sums),
  };
}

function outcomeOf([line, duplicate, conflict, given]: SqlRow): LineOutcome {
  return {
    line: Number(line),
    duplicate: duplicate === true,
    conflict: conflict === true,
    kept: given === true ? "given" : "existing",
  };
}

/** The members that can be loaded as they lie there, or null if the lines have to be rewritten. */
export function directColumns(
  fields: ReadonlyMap<string, number>,
  columns: Columns,
): readonly LoadColumn[] | null {
  const found: LoadColumn[] = [];
  const folded = new Set<string>();
  for (const [field, mask] of fields) {
    const type = typeBits.find(([, bit]) => bit === mask)?.[0];
    const column = type === undefined ? undefined : columns.find(field, type);
    if (column === undefined || folded.has(fold(field))) return null;
    folded.add(fold(field));
    found.push({ member: field, name: column.name, type: column.type });
  }
  return found;
}

/** One buffer of several. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const only = parts[0];
  if (parts.length === 1 && only !== undefined) return only;
  const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  assert(at === sizeBytes, "all parts are copied");
  return whole;
}
