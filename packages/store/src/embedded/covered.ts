/** In which times the tables have keys, as the core wants to know at a start: by days, and of the newest day up to its last key. */

import type { TablesState } from "../core/tables.ts";
import type { Catalog } from "./catalog.ts";
import type { Database } from "./database.ts";
import { eventsTable, tombstonesTable } from "./load-sql.ts";

const dayMicros = 86_400_000_000n;

export async function readCovered(database: Database, catalog: Catalog): Promise<TablesState["covered"]> {
  const covered: { collection: string; from: bigint; to: bigint }[] = [];
  for (const collection of catalog.collections()) {
    const days = [...catalog.days.of(collection).keys()].sort((a, b) => a - b);
    const newest = days.at(-1);
    for (const day of days) {
      const from = BigInt(day) * dayMicros;
      const end = from + dayMicros - 1n;
      const to = day === newest ? ((await newestKey(database, collection, from)) ?? end) : end;
      covered.push({ collection, from, to });
    }
  }
  return covered;
}

/** Live events follow it: without it a restart would make all of today's look as if they might be there. */
async function newestKey(database: Database, collection: string, from: bigint): Promise<bigint | null> {
  const newest = (table: string): string =>
    `SELECT max(_ts) AS newest FROM ${table} WHERE _ts >= make_timestamp(${from})`;
  const tables = [eventsTable(collection), tombstonesTable(collection)].map(newest).join(" UNION ALL ");
  const [row] = await database.readInWriter(`SELECT epoch_us(max(newest)) FROM (${tables})`);
  const micros = row?.[0];
  return typeof micros === "bigint" ? micros : null;
}
