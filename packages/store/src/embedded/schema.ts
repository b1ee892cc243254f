/**
 * The tables of ours beside the events: what they hold, how they are made, how they are read at a start.
 *
 * Schema `epsilon` has the bookkeeping, `events` and `tombstones` one table a collection. The format's number rises
 * when an older release could not read what a newer one wrote; a release opens the folders of every earlier one.
 * `docs/formats/database.md` is the page for people.
 */

import type { Random } from "@epsilon/env";
import { EpsilonError, formatUuid } from "@epsilon/model";
import { quoteString } from "@epsilon/query";
import type { TablesState } from "../core/tables.ts";
import type { Database, SqlValue } from "./database.ts";
import { snapshotBooksSql } from "./snapshot-tables.ts";

export const formatVersion = 1;

const create = `
CREATE SCHEMA epsilon;
CREATE SCHEMA events;
CREATE SCHEMA tombstones;
CREATE TABLE epsilon.meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL);
CREATE TABLE epsilon.position (applied BIGINT NOT NULL, sequence BIGINT NOT NULL);
CREATE TABLE epsilon.collections (name VARCHAR NOT NULL, horizon BIGINT);
CREATE TABLE epsilon.columns (collection VARCHAR NOT NULL, field VARCHAR NOT NULL, type VARCHAR NOT NULL, name VARCHAR NOT NULL);
CREATE TABLE epsilon.cursors (collection VARCHAR NOT NULL, source VARCHAR NOT NULL, stream VARCHAR NOT NULL, cursor VARCHAR NOT NULL, updated BIGINT NOT NULL);
CREATE TABLE epsilon.gaps (collection VARCHAR NOT NULL, source VARCHAR NOT NULL, stream VARCHAR NOT NULL, low BIGINT, high BIGINT NOT NULL, reason VARCHAR NOT NULL);
CREATE TABLE epsilon.sources (collection VARCHAR NOT NULL, source VARCHAR NOT NULL, received BIGINT NOT NULL, stored BIGINT NOT NULL, duplicates BIGINT NOT NULL, rejected BIGINT NOT NULL, conflicts BIGINT NOT NULL);
CREATE TABLE epsilon.conflicts (collection VARCHAR NOT NULL, ts BIGINT NOT NULL, id UUID NOT NULL, kept UBIGINT NOT NULL, lost UBIGINT NOT NULL, sequence BIGINT NOT NULL);
CREATE TABLE epsilon.set_aside (collection VARCHAR NOT NULL, line VARCHAR NOT NULL, error VARCHAR NOT NULL, sequence BIGINT NOT NULL);
CREATE TABLE epsilon.days (collection VARCHAR NOT NULL, day INTEGER NOT NULL, events BIGINT NOT NULL, tombstones BIGINT NOT NULL, lane0 UBIGINT NOT NULL, lane1 UBIGINT NOT NULL, lane2 UBIGINT NOT NULL, lane3 UBIGINT NOT NULL);
`;

/** Makes the tables in a new database, or checks that this release knows the format. */
export async function openSchema(database: Database, random: Random): Promise<void> {
  const rows = await database.readInWriter(
    "SELECT table_schema FROM information_schema.tables WHERE table_schema = 'epsilon' AND table_name = 'meta'",
  );
  if (rows.length === 0) {
    const instanceId = formatUuid(random.bytes(16)).slice(0, 13);
    const databaseId = formatUuid(random.bytes(16)).slice(0, 8);
    await database.write(
      `BEGIN; ${create} ${snapshotBooksSql}
      INSERT INTO epsilon.meta VALUES ('format', '${formatVersion}'), ('instance', '${instanceId}'), ('database', '${databaseId}');
      INSERT INTO epsilon.position VALUES (0, 0);
      COMMIT;`,
    );
    return;
  }
  const meta = await readMeta(database);
  const format = Number(meta.get("format"));
  if (format <= formatVersion) {
    await database.write(snapshotBooksSql);
    return;
  }
  throw new EpsilonError(
    "data_from_newer_version",
    `the data folder has format ${format}, this release knows up to ${formatVersion}; use the newer release`,
    { details: { format, known: formatVersion } },
  );
}

/** Where everything stands. */
export async function loadState(
  database: Database,
): Promise<Omit<TablesState, "covered"> & { readonly sequence: number }> {
  const meta = await readMeta(database);
  const [position] = await database.readInWriter("SELECT applied, sequence FROM epsilon.position");
  const collections = await database.readInWriter(
    "SELECT name, horizon FROM epsilon.collections ORDER BY name",
  );
  const cursors = await database.readInWriter("SELECT collection, source, cursor FROM epsilon.cursors");
  const clock = meta.get("clock");
  return {
    instanceId: text(meta.get("instance") ?? null),
    databaseId: text(meta.get("database") ?? null),
    appliedOffset: Number(position?.[0]),
    sequence: Number(position?.[1]),
    collections: collections.map(([name]) => text(name)),
    horizons: collections.flatMap(([name, horizon]) =>
      typeof horizon === "bigint" ? [{ collection: text(name), horizonMicros: horizon }] : [],
    ),
    cursors: cursors.map(([collection, source, cursor]) => ({
      collection: text(collection),
      source: text(source),
      cursor: text(cursor),
    })),
    restoredFrom: meta.get("restored_from") ?? null,
    clockMicros: clock === undefined ? null : BigInt(clock),
  };
}

/** SQL that sets one member of `epsilon.meta`. */
export function setMetaSql(key: string, value: string): string {
  const name = quoteString(key);
  return `DELETE FROM epsilon.meta WHERE key = ${name}; INSERT INTO epsilon.meta VALUES (${name}, ${quoteString(value)});`;
}

async function readMeta(database: Database): Promise<ReadonlyMap<string, string>> {
  const rows = await database.readInWriter("SELECT key, value FROM epsilon.meta");
  return new Map(rows.map(([key, value]) => [text(key), text(value)]));
}

/** A value that is a text by the table's own declaration. */
export function text(value: SqlValue | undefined): string {
  if (typeof value === "string") return value;
  throw new EpsilonError("table_damaged", `a text was expected in the tables, not ${String(value)}`);
}
