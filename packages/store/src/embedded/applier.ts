/**
 * Applies groups of frames to DuckDB: one transaction a group, with cursors, digests and the log's position in it.
 *
 * What passed `prepare` must always apply. Should DuckDB refuse a group all the same, the line that it cannot take is
 * found by halving, kept aside in `epsilon.set_aside`, and everything else goes on.
 */

import type { Env } from "@epsilon/env";
import { assert, EpsilonError, must } from "@epsilon/model";
import { quoteIdentifier, quoteString } from "@epsilon/query";
import type { LoggedFrame } from "../core/frames.ts";
import type { FrameOutcome } from "../core/tables.ts";
import {
  type BatchOutcome,
  batchOf,
  type EventsFrame,
  fieldsOf,
  frameOutcomes,
  range,
  renumber,
  setAsideSql,
  without,
} from "./batch.ts";
import { bookkeepingSql } from "./bookkeeping.ts";
import type { Catalog } from "./catalog.ts";
import { sqlType } from "./columns.ts";
import type { Database } from "./database.ts";
import { createTablesSql, eventsTable } from "./load-sql.ts";
import { type Batch, collided, type LineOutcome, type Loader } from "./loader.ts";
import { applyRemoval } from "./removals.ts";

/** How often a group is tried again after all reads were stopped to free their memory. */
const memoryTriesMax = 3;
export class Applier {
  readonly #env: Env;
  readonly #database: Database;
  readonly #catalog: Catalog;
  readonly #loader: Loader;
  /** Collections whose last group met known keys: their next one goes the careful way at once. */
  readonly #careful = new Set<string>();
  /** Of load lines. */
  bytesSinceCheckpoint = 0;
  /** Lines in `epsilon.set_aside`. */
  setAsideCount: number;

  constructor(
    env: Env,
    database: Database,
    parts: { readonly catalog: Catalog; readonly loader: Loader; readonly setAside: number },
  ) {
    this.#env = env;
    this.#database = database;
    this.#catalog = parts.catalog;
    this.#loader = parts.loader;
    this.setAsideCount = parts.setAside;
  }

  /** Applies frames of one kind: events, or a single frame that removes. */
  async apply(frames: readonly LoggedFrame[]): Promise<readonly FrameOutcome[]> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#applyOnce(frames);
      } catch (error) {
        await this.#rollback();
        const short = error instanceof EpsilonError && error.code === "query_out_of_memory";
        if (!short || tries >= memoryTriesMax) throw error;
        this.#database.interruptReads();
      }
    }
  }

  async #applyOnce(frames: readonly LoggedFrame[]): Promise<readonly FrameOutcome[]> {
    const first = must(frames[0]);
    if (first.header.kind === "events") return this.#applyEvents(frames as readonly EventsFrame[]);
    assert(frames.length === 1, "a frame that removes is a group of its own");
    const sequence = this.#catalog.sequence + 1;
    const positionSql = `UPDATE epsilon.position SET applied = ${first.end}, sequence = ${sequence}`;
    await applyRemoval({ database: this.#database, catalog: this.#catalog }, first.header, positionSql);
    this.#catalog.committed({ sequence, appliedOffset: first.end });
    this.#careful.delete(first.header.collection);
    return [{ stored: 0, duplicates: 0, conflicts: [], setAside: [] }];
  }

  async #applyEvents(frames: readonly EventsFrame[]): Promise<readonly FrameOutcome[]> {
    const byCollection = new Map<string, EventsFrame[]>();
    for (const frame of frames) {
      const list = byCollection.get(frame.header.collection) ?? [];
      list.push(frame);
      byCollection.set(frame.header.collection, list);
    }
    for (const [collection, list] of byCollection) await this.#ensureColumns(collection, list);
    return this.#transact(byCollection, frames);
  }

  /** All collections of the group in one transaction; from the start again if one has to go the careful way. */
  async #transact(
    byCollection: ReadonlyMap<string, readonly EventsFrame[]>,
    frames: readonly EventsFrame[],
  ): Promise<readonly FrameOutcome[]> {
    const sequence = this.#catalog.sequence + 1;
    const aside = new Map<string, Set<number>>();
    for (;;) {
      await this.#database.write("BEGIN");
      const outcomes = new Map<string, BatchOutcome>();
      const again = await this.#loadAll(byCollection, { sequence, aside, outcomes });
      if (again) {
        await this.#rollback();
        continue;
      }
      const perFrame = frameOutcomes(byCollection, outcomes);
      const ordered = frames.map((frame) => must(perFrame.get(frame), "an outcome a frame"));
      const end = must(frames[frames.length - 1]).end;
      await this.#database.write(
        `${bookkeepingSql(frames, ordered)}\n${this.#catalog.days.sql()}\nUPDATE epsilon.position SET applied = ${end}, sequence = ${sequence}; COMMIT`,
      );
      this.#catalog.committed({ sequence, appliedOffset: end });
      for (const { payload } of frames) this.bytesSinceCheckpoint += payload.length;
      for (const set of aside.values()) this.setAsideCount += set.size;
      return ordered;
    }
  }

  /** True if the transaction has to be rolled back and begun again. */
  async #loadAll(
    byCollection: ReadonlyMap<string, readonly EventsFrame[]>,
    group: {
      readonly sequence: number;
      readonly aside: Map<string, Set<number>>;
      readonly outcomes: Map<string, BatchOutcome>;
    },
  ): Promise<boolean> {
    for (const [collection, frames] of byCollection) {
      const aside = group.aside.get(collection) ?? new Set<number>();
      const whole = batchOf(collection, frames);
      if (whole.lines === 0) continue;
      const batch = aside.size === 0 ? whole : without(whole, aside);
      const result = await this.#loadOne(batch, group.sequence);
      if (result.kind === "again") return true;
      if (result.kind === "refused") {
        await this.#rollback();
        const refused = await this.#findRefused(whole, {
          aside,
          error: result.error,
          sequence: group.sequence,
        });
        group.aside.set(collection, refused);
        return true;
      }
      if (aside.size > 0) await this.#database.write(setAsideSql(whole, aside, group.sequence));
      group.outcomes.set(collection, { lines: renumber(result.outcomes, aside), setAside: aside });
    }
    return false;
  }

  async #loadOne(
    batch: Batch,
    sequence: number,
  ): Promise<
    | { readonly kind: "loaded"; readonly outcomes: readonly LineOutcome[] }
    | { readonly kind: "again" }
    | { readonly kind: "refused"; readonly error: EpsilonError }
  > {
    const { collection } = batch;
    const mayBeDead = this.#catalog.days.totals(collection).tombstones > 0;
    const load = await this.#loader.stage(batch, this.#catalog.columns(collection), { sequence, mayBeDead });
    try {
      const careful = batch.tombstones > 0 || this.#careful.has(collection);
      const loaded = careful
        ? await this.#loader.loadCarefully(load)
        : await this.#loader.loadOptimistically(load);
      if (loaded === collided) {
        this.#careful.add(collection);
        return { kind: "again" };
      }
      await this.#loader.clear(load);
      if (!loaded.collided) this.#careful.delete(collection);
      this.#catalog.days.stage(collection, loaded.days);
      return { kind: "loaded", outcomes: loaded.outcomes };
    } catch (error) {
      if (!(error instanceof EpsilonError) || error.code !== "internal") throw error;
      return { kind: "refused", error };
    }
  }

  /** Halves the batch until every line that cannot be loaded is alone. Each try is rolled back. */
  async #findRefused(
    batch: Batch,
    known: { readonly aside: ReadonlySet<number>; readonly error: EpsilonError; readonly sequence: number },
  ): Promise<Set<number>> {
    const refused = new Set(known.aside);
    // If nothing at all can be loaded, then no line is to blame.
    const none = { ...batch, payloads: [new Uint8Array(0)], lines: 0, tombstones: 0 };
    if ((await this.#tryLoad(none, known.sequence)) === "refused") throw known.error;
    const tryRange = async (from: number, to: number): Promise<void> => {
      const part = without(
        batch,
        new Set(range(0, batch.lines).filter((line) => line < from || line >= to || refused.has(line))),
      );
      if (part.lines === 0) return;
      if ((await this.#tryLoad(part, known.sequence)) !== "refused") return;
      if (to - from === 1) {
        refused.add(from);
        return;
      }
      const middle = from + ((to - from) >> 1);
      await tryRange(from, middle);
      await tryRange(middle, to);
    };
    await tryRange(0, batch.lines);
    this.#env.report({
      level: "error",
      event: "events_set_aside",
      details: {
        collection: batch.collection,
        lines: refused.size - known.aside.size,
        message: known.error.message,
      },
    });
    // The halves pass and the whole does not: not a line's fault.
    if (refused.size === known.aside.size) throw known.error;
    return refused;
  }

  /** What would become of the batch; nothing stays of it. */
  async #tryLoad(batch: Batch, sequence: number): Promise<"loaded" | "again" | "refused"> {
    await this.#database.write("BEGIN");
    const { kind } = await this.#loadOne(batch, sequence);
    await this.#rollback();
    return kind;
  }

  async #ensureColumns(collection: string, frames: readonly EventsFrame[]): Promise<void> {
    if (!this.#catalog.has(collection)) {
      await this.#database.write(
        `BEGIN; ${createTablesSql(collection)} INSERT INTO epsilon.collections VALUES (${quoteString(collection)}, NULL); COMMIT`,
      );
      this.#catalog.create(collection);
    }
    const columns = this.#catalog.columns(collection);
    const planned = columns.plan(fieldsOf(frames));
    if (planned.length === 0) return;
    const name = quoteString(collection);
    const statements = planned.flatMap((column) => [
      `ALTER TABLE ${eventsTable(collection)} ADD COLUMN ${quoteIdentifier(column.name)} ${sqlType(column.type)};`,
      `INSERT INTO epsilon.columns VALUES (${name}, ${quoteString(column.field)}, '${column.type}', ${quoteString(column.name)});`,
    ]);
    await this.#database.write(`BEGIN; ${statements.join("\n")} COMMIT`);
    for (const column of planned) columns.add(column);
  }

  async #rollback(): Promise<void> {
    this.#catalog.days.rollback();
    try {
      await this.#database.write("ROLLBACK");
    } catch (error) {
      // DuckDB ends a transaction by itself when its commit fails; then there is nothing to roll back.
      if (!(error instanceof EpsilonError) || !/no transaction is active/i.test(error.message)) throw error;
    }
  }
}
