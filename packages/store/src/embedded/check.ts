/**
 * The whole-store check: every row is read (DuckDB verifies its blocks on the way), its version computed again from
 * its fields, every key counted, every day's digest summed again. What does not hold is a finding, never an exception.
 */

import { hash as hashOnce } from "node:crypto";
import { EpsilonError, equalDigests, versionHash64, versionOf } from "@epsilon/model";
import type { CheckFinding, CheckReport, ReadOptions } from "../event-store.ts";
import type { Catalog } from "./catalog.ts";
import type { Database } from "./database.ts";
import { digestFromSums } from "./days.ts";
import { daySql, eventsTable, lanesSql, tombstonesTable } from "./load-sql.ts";
import { eventOf, planRows } from "./rows.ts";

/** More than these would only repeat themselves. */
const findingsPerKindMax = 20;

const sha256 = (bytes: Uint8Array): Uint8Array => hashOnce("sha256", bytes, "buffer");

class Findings {
  readonly list: CheckFinding[] = [];
  readonly #counts = new Map<string, number>();

  add(kind: string, finding: Omit<CheckFinding, "code">): void {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    if (count <= findingsPerKindMax) this.list.push({ code: "table_damaged", ...finding });
  }
}

/** Checks all collections. `frozen` tells whether nothing is applied meanwhile; the caller holds the writer still. */
export async function checkTables(
  database: Database,
  catalog: Catalog,
  options: ReadOptions,
): Promise<Omit<CheckReport, "logFrames">> {
  const findings = new Findings();
  const collections: CheckReport["collections"][number][] = [];
  for (const name of catalog.collections()) {
    try {
      collections.push(await checkCollection(database, { catalog, name, findings, options }));
    } catch (error) {
      if (!(error instanceof EpsilonError) || error.code === "query_cancelled") throw error;
      findings.add("unreadable", {
        message: `${name} cannot be read: ${error.message}`,
        details: { collection: name },
      });
    }
  }
  const [aside] = await database.read("SELECT count(*) FROM epsilon.set_aside", options);
  return {
    sound: findings.list.length === 0,
    collections,
    events: collections.reduce((sum, { events }) => sum + events, 0),
    setAside: Number(aside?.[0] ?? 0),
    findings: findings.list,
  };
}

interface Checked {
  readonly catalog: Catalog;
  readonly name: string;
  readonly findings: Findings;
  readonly options: ReadOptions;
}

async function checkCollection(
  database: Database,
  checked: Checked,
): Promise<CheckReport["collections"][number]> {
  const { name, options } = checked;
  const events = await checkRows(database, checked);
  await checkKeys(database, checked);
  await checkDays(database, checked);
  const [row] = await database.read(`SELECT count(*) FROM ${tombstonesTable(name)}`, options);
  return { name, events, tombstones: Number(row?.[0] ?? 0) };
}

async function checkRows(database: Database, { catalog, name, findings, options }: Checked): Promise<number> {
  const plan = planRows(catalog.columns(name));
  let events = 0;
  for await (const rows of database.stream(`SELECT ${plan.select} FROM ${eventsTable(name)}`, options)) {
    for (const row of rows) {
      events += 1;
      const event = eventOf(plan, row);
      const hash = versionHash64(versionOf(event, sha256));
      if (hash === event.hash) continue;
      const key = { tsMicros: String(event.tsMicros), id: event.id };
      findings.add(`${name} row`, {
        message: `the event ${event.id} of ${name} is not what was stored: its version does not match its fields`,
        details: { collection: name, key },
      });
    }
  }
  return events;
}

async function checkKeys(database: Database, { name, findings, options }: Checked): Promise<void> {
  const [twice] = await database.read(
    `SELECT count(*) FROM (SELECT 1 FROM ${eventsTable(name)} GROUP BY _ts, _id HAVING count(*) > 1)`,
    options,
  );
  if (Number(twice?.[0]) > 0) {
    findings.add("keys", {
      message: `${name} has ${twice?.[0]} keys more than once`,
      details: { collection: name },
    });
  }
  const [risen] = await database.read(
    `SELECT count(*) FROM ${eventsTable(name)} e WHERE EXISTS (SELECT 1 FROM ${tombstonesTable(name)} t WHERE t._ts = e._ts AND t._id = e._id)`,
    options,
  );
  if (Number(risen?.[0]) > 0) {
    findings.add("risen", {
      message: `${name} has ${risen?.[0]} deleted events`,
      details: { collection: name },
    });
  }
}

async function checkDays(database: Database, { catalog, name, findings, options }: Checked): Promise<void> {
  const rows = await database.read(
    `SELECT ${daySql} AS day, count(*), ${lanesSql} FROM (SELECT _ts, _hash FROM ${eventsTable(name)} UNION ALL SELECT _ts, _hash FROM ${tombstonesTable(name)}) GROUP BY 1`,
    options,
  );
  const stored = new Map(catalog.days.of(name));
  for (const [day, count, ...sums] of rows) {
    const expected = stored.get(Number(day));
    stored.delete(Number(day));
    if (expected !== undefined && equalDigests(expected.digest, digestFromSums(Number(count), sums)))
      continue;
    findings.add("days", {
      message: `${name}: the digest of day ${String(day)} is not that of its events`,
      details: { collection: name, day: Number(day) },
    });
  }
  for (const day of stored.keys()) {
    findings.add("days", {
      message: `${name}: day ${day} has a digest and no events`,
      details: { collection: name, day },
    });
  }
}
