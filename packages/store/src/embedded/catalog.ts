/** What is committed: collections, their columns, days, and the position. Read at a start, then kept by the applier. */

import { must } from "@epsilon/model";
import { type Column, Columns } from "./columns.ts";
import type { Database } from "./database.ts";
import { Days, digestFromSums } from "./days.ts";
import { text } from "./schema.ts";

export class Catalog {
  readonly days = new Days();
  readonly #columns = new Map<string, Columns>();
  #sequence: number;
  #appliedOffset: number;

  private constructor(position: { readonly sequence: number; readonly appliedOffset: number }) {
    this.#sequence = position.sequence;
    this.#appliedOffset = position.appliedOffset;
  }

  static async load(
    database: Database,
    position: { readonly sequence: number; readonly appliedOffset: number },
  ): Promise<Catalog> {
    const catalog = new Catalog(position);
    for (const [name] of await database.readInWriter("SELECT name FROM epsilon.collections"))
      catalog.create(text(name));
    const columns = await database.readInWriter("SELECT collection, field, type, name FROM epsilon.columns");
    for (const [collection, field, type, name] of columns) {
      catalog
        .columns(text(collection))
        .add({ field: text(field), type: fieldType(text(type)), name: text(name) });
    }
    const days = await database.readInWriter(
      "SELECT collection, day, events, tombstones, lane0, lane1, lane2, lane3 FROM epsilon.days",
    );
    for (const [collection, day, events, tombstones, ...lanes] of days) {
      const counts = { events: Number(events), tombstones: Number(tombstones) };
      const digest = digestFromSums(counts.events + counts.tombstones, lanes);
      catalog.days.add(text(collection), Number(day), { ...counts, digest });
    }
    return catalog;
  }

  get sequence(): number {
    return this.#sequence;
  }

  get appliedOffset(): number {
    return this.#appliedOffset;
  }

  has(collection: string): boolean {
    return this.#columns.has(collection);
  }

  collections(): readonly string[] {
    return [...this.#columns.keys()].sort();
  }

  /** The columns of a collection that is there. */
  columns(collection: string): Columns {
    return must(this.#columns.get(collection), `collection ${collection} has tables`);
  }

  create(collection: string): void {
    this.#columns.set(collection, new Columns());
  }

  drop(collection: string): void {
    this.#columns.delete(collection);
    this.days.stageDrop(collection);
    this.days.commit();
  }

  /** A transaction is committed. */
  committed(position: { readonly sequence: number; readonly appliedOffset: number }): void {
    this.#sequence = position.sequence;
    this.#appliedOffset = position.appliedOffset;
    this.days.commit();
  }
}

function fieldType(type: string): Column["type"] {
  return type === "string" || type === "number" ? type : "boolean";
}
