/** Frames that take away: a dropped collection, a forgotten source, a raised horizon. One transaction each. */

import { must } from "@epsilon/model";
import { quoteString } from "@epsilon/query";
import type { FrameHeader } from "../core/frames.ts";
import type { Catalog } from "./catalog.ts";
import type { Database } from "./database.ts";
import { type Day, digestFromSums } from "./days.ts";
import { eventsTable, lanesSql, tombstonesTable } from "./load-sql.ts";

const dayMicros = 86_400_000_000n;

/** Applies the frame; `positionSql` goes into the same transaction. The caller tells the catalog that it is committed. */
export async function applyRemoval(
  { database, catalog }: { readonly database: Database; readonly catalog: Catalog },
  header: FrameHeader,
  positionSql: string,
): Promise<void> {
  const of = `collection = ${quoteString(header.collection)}`;
  switch (header.kind) {
    case "drop": {
      const books = ["columns", "cursors", "gaps", "sources", "conflicts", "set_aside", "days"];
      await database.write(
        `BEGIN; DROP TABLE IF EXISTS ${eventsTable(header.collection)}; DROP TABLE IF EXISTS ${tombstonesTable(header.collection)};
${books.map((book) => `DELETE FROM epsilon.${book} WHERE ${of};`).join("\n")}
DELETE FROM epsilon.collections WHERE name = ${quoteString(header.collection)}; ${positionSql};
DELETE FROM epsilon.snapshot_pieces WHERE ${of}; DELETE FROM epsilon.drops WHERE ${of};
INSERT INTO epsilon.drops SELECT ${quoteString(header.collection)}, sequence FROM epsilon.position; COMMIT`,
      );
      catalog.drop(header.collection);
      return;
    }
    case "forget": {
      const source = `${of} AND source = ${quoteString(header.source)}`;
      const deletes = ["cursors", "gaps", "sources"].map(
        (book) => `DELETE FROM epsilon.${book} WHERE ${source};`,
      );
      await database.write(`BEGIN; ${deletes.join("\n")} ${positionSql}; COMMIT`);
      return;
    }
    case "horizon":
      await purge(
        { database, catalog },
        { collection: header.collection, horizonMicros: BigInt(header.horizonMicros), positionSql },
      );
      return;
    case "events":
      return;
  }
}

async function purge(
  { database, catalog }: { readonly database: Database; readonly catalog: Catalog },
  purged: { readonly collection: string; readonly horizonMicros: bigint; readonly positionSql: string },
): Promise<void> {
  const { collection, horizonMicros, positionSql } = purged;
  if (!catalog.has(collection)) {
    await database.write(`BEGIN; ${positionSql}; COMMIT`);
    return;
  }
  const below = `_ts <= make_timestamp(${horizonMicros})`;
  await database.write(
    `BEGIN; DELETE FROM ${eventsTable(collection)} WHERE ${below}; DELETE FROM ${tombstonesTable(collection)} WHERE ${below};
UPDATE epsilon.collections SET horizon = ${horizonMicros} WHERE name = ${quoteString(collection)};`,
  );
  for (const day of catalog.days.of(collection).keys()) {
    if (BigInt(day) * dayMicros > horizonMicros) continue;
    catalog.days.stageValue(collection, day, await sumDay(database, collection, day));
  }
  await database.write(`${catalog.days.sql()} ${positionSql}; COMMIT`);
}

/** What a day holds, from its rows. */
async function sumDay(database: Database, collection: string, day: number): Promise<Day> {
  const from = BigInt(day) * dayMicros;
  const within = `_ts >= make_timestamp(${from}) AND _ts < make_timestamp(${from + dayMicros})`;
  const [events] = await database.readInWriter(
    `SELECT count(*), ${lanesSql} FROM ${eventsTable(collection)} WHERE ${within}`,
  );
  const [dead] = await database.readInWriter(
    `SELECT count(*), ${lanesSql} FROM ${tombstonesTable(collection)} WHERE ${within}`,
  );
  const [eventCount, ...eventSums] = must(events);
  const [deadCount, ...deadSums] = must(dead);
  const counts = { events: Number(eventCount), tombstones: Number(deadCount) };
  const sums = eventSums.map((sum, index) => BigInt(sum ?? 0) + BigInt(deadSums[index] ?? 0));
  return { ...counts, digest: digestFromSums(counts.events + counts.tombstones, sums) };
}
