/** What the books say of all collections, inside a read transaction. */

import { type FieldType, formatDigest } from "@epsilon/model";
import type { ManifestCollection } from "../snapshots/manifest.ts";
import type { SqlRow } from "./database.ts";
import { digestFromSums, toBigInt } from "./days.ts";
import { readSourceRows } from "./sources.ts";

/** Runs a statement inside the transaction. */
export type ReadRows = (sql: string) => Promise<readonly SqlRow[]>;

/** All collections with everything but their rows. */
export async function collectionsAtMoment(
  rows: ReadRows,
): Promise<readonly Omit<ManifestCollection, "segments">[]> {
  const names = await rows("SELECT name, horizon FROM epsilon.collections ORDER BY name");
  const totals = byCollection(
    await rows(
      "SELECT collection, sum(events), sum(tombstones), sum(lane0), sum(lane1), sum(lane2), sum(lane3) FROM epsilon.days GROUP BY 1",
    ),
  );
  const columns = byCollection(await rows("SELECT collection, field, type, name FROM epsilon.columns"));
  const aside = byCollection(await rows("SELECT collection, line, error FROM epsilon.set_aside"));
  const sources = await readSourceRows(rows, "");
  return names.map(([name, horizon]) => {
    const collection = String(name);
    const [[events = 0, tombstones = 0, ...sums] = []] = totals.get(collection) ?? [];
    const count = Number(events) + Number(tombstones);
    return {
      name: collection,
      horizonMicros: horizon === null || horizon === undefined ? null : toBigInt(horizon),
      events: Number(events),
      tombstones: Number(tombstones),
      digest: formatDigest(digestFromSums(count, sums.length === 0 ? [0n, 0n, 0n, 0n] : sums)),
      columns: (columns.get(collection) ?? []).map(([field, type, column]) => ({
        field: String(field),
        type: String(type) as FieldType,
        name: String(column),
      })),
      sources: sources.get(collection) ?? [],
      setAside: (aside.get(collection) ?? []).map(([line, error]) => ({
        line: String(line),
        error: String(error),
      })),
    };
  });
}

/** Rows whose first cell is a collection, without that cell. */
function byCollection(rows: readonly SqlRow[]): Map<string, SqlRow[]> {
  const grouped = new Map<string, SqlRow[]>();
  for (const [collection, ...cells] of rows) {
    const own = grouped.get(String(collection)) ?? [];
    own.push(cells);
    grouped.set(String(collection), own);
  }
  return grouped;
}
