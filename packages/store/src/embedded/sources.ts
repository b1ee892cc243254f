/** Sources and conflicts as the tables have them. */

import { quoteString } from "@epsilon/query";
import type { Tables } from "../core/tables.ts";
import type { SourceInfo, StreamInfo } from "../event-store.ts";
import type { Database } from "./database.ts";
import { toBigInt } from "./days.ts";

/** All sources of a collection, or one; none for an unknown collection. */
export async function readSources(
  database: Database,
  collection: string,
  source?: string,
): Promise<readonly SourceInfo[]> {
  const one = source === undefined ? "" : ` AND source = ${quoteString(source)}`;
  const where = `WHERE collection = ${quoteString(collection)}${one}`;
  const totals = await database.read(
    `SELECT source, received, stored, duplicates, rejected, conflicts FROM epsilon.sources ${where} ORDER BY source`,
    {},
  );
  const cursors = await database.read(
    `SELECT source, stream, cursor, updated FROM epsilon.cursors ${where} ORDER BY updated DESC, stream`,
    {},
  );
  const gaps = await database.read(
    `SELECT source, stream, low, high, reason FROM epsilon.gaps ${where} ORDER BY high`,
    {},
  );
  return totals.map(([name, received, stored, duplicates, rejected, conflicts]) => ({
    source: String(name),
    streams: cursors
      .filter(([of]) => of === name)
      .map(
        ([, stream, cursor, updated]): StreamInfo => ({
          stream: String(stream),
          cursor: String(cursor),
          snapshotted: null,
          gaps: gaps
            .filter(([of, at]) => of === name && at === stream)
            .map(([, , low, high, reason]) => ({
              from: low === null ? null : Number(low),
              to: Number(high),
              reason: String(reason),
            })),
          updatedAtMicros: toBigInt(updated),
        }),
      ),
    received: Number(received),
    stored: Number(stored),
    duplicates: Number(duplicates),
    rejected: Number(rejected),
    conflicts: Number(conflicts),
  }));
}

/** The most recent conflicts, newest first. Versions are their first 64 bits, in hex. */
export async function readConflicts(database: Database, collection: string): ReturnType<Tables["conflicts"]> {
  const rows = await database.read(
    `SELECT ts, id::VARCHAR, kept, lost FROM epsilon.conflicts WHERE collection = ${quoteString(collection)} ORDER BY sequence DESC, rowid DESC`,
    {},
  );
  return rows.map(([ts, id, kept, lost]) => ({
    key: { tsMicros: toBigInt(ts), id: String(id) },
    kept: toBigInt(kept).toString(16).padStart(16, "0"),
    lost: toBigInt(lost).toString(16).padStart(16, "0"),
  }));
}
