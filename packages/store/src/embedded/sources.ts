/** Sources and conflicts as the tables have them. */

import { quoteString } from "@epsilon/query";
import type { Tables } from "../core/tables.ts";
import type { SourceInfo, StreamInfo } from "../event-store.ts";
import type { Database, SqlRow } from "./database.ts";
import { toBigInt } from "./days.ts";

/** All sources of a collection, or one; none for an unknown collection. */
export async function readSources(
  database: Database,
  collection: string,
  source?: string,
): Promise<readonly SourceInfo[]> {
  const one = source === undefined ? "" : ` AND source = ${quoteString(source)}`;
  const where = `WHERE collection = ${quoteString(collection)}${one}`;
  const found = await readSourceRows((sql) => database.read(sql, {}), where);
  return found.get(collection) ?? [];
}

/** Sources by collection; `where` is a WHERE over their collection and source. */
export async function readSourceRows(
  rows: (sql: string) => Promise<readonly SqlRow[]>,
  where: string,
): Promise<ReadonlyMap<string, readonly SourceInfo[]>> {
  const totals = await rows(
    `SELECT collection, source, received, stored, duplicates, rejected, conflicts FROM epsilon.sources ${where} ORDER BY source`,
  );
  const cursors = grouped(
    await rows(
      `SELECT collection, source, stream, cursor, updated FROM epsilon.cursors ${where} ORDER BY updated DESC, stream`,
    ),
    2,
  );
  const gaps = grouped(
    await rows(
      `SELECT collection, source, stream, low, high, reason FROM epsilon.gaps ${where} ORDER BY high`,
    ),
    3,
  );
  const found = new Map<string, SourceInfo[]>();
  for (const [collection, source, ...counts] of totals) {
    const [received = 0, stored = 0, duplicates = 0, rejected = 0, conflicts = 0] = counts.map(Number);
    const streams = (cursors.get(keyOf([collection, source])) ?? []).map(
      ([stream, cursor, updated]): StreamInfo => ({
        stream: String(stream),
        cursor: String(cursor),
        snapshotted: null,
        gaps: (gaps.get(keyOf([collection, source, stream])) ?? []).map(([low, high, reason]) => ({
          from: low === null ? null : Number(low),
          to: Number(high),
          reason: String(reason),
        })),
        updatedAtMicros: toBigInt(updated),
      }),
    );
    const own = found.get(String(collection)) ?? [];
    own.push({ source: String(source), streams, received, stored, duplicates, rejected, conflicts });
    found.set(String(collection), own);
  }
  return found;
}

/** Rows by their first cells, without these. There may be many sources: no searching through all for each. */
function grouped(rows: readonly SqlRow[], cells: number): ReadonlyMap<string, readonly SqlRow[]> {
  const groups = new Map<string, SqlRow[]>();
  for (const row of rows) {
    const key = keyOf(row.slice(0, cells));
    const own = groups.get(key) ?? [];
    own.push(row.slice(cells));
    groups.set(key, own);
  }
  return groups;
}

/** Newlines occur in no name, so they separate. */
function keyOf(cells: readonly unknown[]): string {
  return cells.join("\n");
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
