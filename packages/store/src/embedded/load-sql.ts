/**
 * The SQL that loads a group of lines into one collection. Text only; `loader.ts` runs it.
 *
 * Optimistic first: the lines go straight into the table, then one question finds out whether any of their keys was
 * there already. If so everything is rolled back and done carefully over temporary tables. Fresh events, which is
 * nearly all of them, thus cost one pass. docs/decisions/0007 has the figures.
 */

import type { FieldType } from "@epsilon/model";
import { quoteIdentifier, quoteString } from "@epsilon/query";
import { sqlType } from "./columns.ts";

/** A member of the lines, and the table's column that takes it. */
export interface LoadColumn {
  readonly member: string;
  readonly name: string;
  readonly type: FieldType;
}

export interface Load {
  /** Where the lines lie. */
  readonly file: string;
  readonly collection: string;
  readonly columns: readonly LoadColumn[];
  /** The lines carry `_more` (they were rewritten). */
  readonly more: boolean;
  readonly lines: number;
  readonly sizeBytes: number;
  readonly sequence: number;
  /** Bounds of `_ts` over the lines. */
  readonly tsMin: bigint;
  readonly tsMax: bigint;
  /** The collection has tombstones; without any they need not be asked. */
  readonly mayBeDead: boolean;
}

/** The largest line, with room for what rewriting adds. */
const objectBytesMax = 16 * 1024 * 1024;

export function eventsTable(collection: string): string {
  return `events.${quoteIdentifier(collection)}`;
}

export function tombstonesTable(collection: string): string {
  return `tombstones.${quoteIdentifier(collection)}`;
}

/** Makes a collection's two tables. */
export function createTablesSql(collection: string): string {
  return `CREATE TABLE ${eventsTable(collection)} (_ts TIMESTAMP NOT NULL, _id UUID NOT NULL, _rev BIGINT NOT NULL, _hash UBIGINT NOT NULL, _seq BIGINT NOT NULL, _more VARCHAR);
CREATE TABLE ${tombstonesTable(collection)} (_ts TIMESTAMP NOT NULL, _id UUID NOT NULL, _hash UBIGINT NOT NULL, _seq BIGINT NOT NULL);`;
}

/** The lines as a relation. The declared members are all that is read; others are left out without a word. */
function linesSql(load: Load): string {
  const members = [
    `"_ts": 'BIGINT', "_id": 'UUID', "_rev": 'BIGINT', "_h": 'UBIGINT', "_l": 'UBIGINT', "_deleted": 'BOOLEAN'`,
    ...(load.more ? [`"_more": 'VARCHAR'`] : []),
    ...load.columns.map(({ member, type }) => `${quoteIdentifier(member)}: '${sqlType(type)}'`),
  ];
  return `read_json(${quoteString(load.file)}, columns = {${members.join(", ")}}, format = 'newline_delimited', maximum_object_size = ${objectBytesMax}, compression = 'uncompressed')`;
}

const keySql = `make_timestamp(_ts) AS _ts, _id, coalesce(_rev, 0) AS _rev, ((_h << 32) | _l) AS _hash`;

function targets(load: Load): { readonly names: string; readonly values: string } {
  const names = load.columns.map(({ name }) => quoteIdentifier(name));
  const values = load.columns.map(({ member }) => quoteIdentifier(member));
  const more = load.more ? ["_more"] : [];
  return { names: ["", ...more, ...names].join(", "), values: ["", ...more, ...values].join(", ") };
}

/** Straight into the table. */
export function insertSql(load: Load): string {
  const { names, values } = targets(load);
  return `INSERT INTO ${eventsTable(load.collection)} (_ts, _id, _rev, _hash, _seq${names}) SELECT ${keySql}, ${load.sequence}${values} FROM ${linesSql(load)}`;
}

function rangeSql(load: Load, alias: string): string {
  return `${alias}._ts >= make_timestamp(${load.tsMin}) AND ${alias}._ts <= make_timestamp(${load.tsMax})`;
}

/** The sums that make a digest's lanes, over a column `_hash`. `model/digest.ts` says why these. */
export const lanesSql = `sum(_hash), sum((_hash & 4294967295) * (_hash >> 32)), sum((_hash & 4294967295) * (_hash & 4294967295)), sum((_hash >> 32) * (_hash >> 32))`;

/** The UTC day, counted from 1970-01-01. */
export const daySql = `(_ts::DATE - DATE '1970-01-01')`;

/**
 * After an optimistic insert: per day the count and lanes of what came in, and in a row without a day the number of
 * keys that were there before or are there twice now. One round trip.
 */
export function collisionsSql(load: Load): string {
  const table = eventsTable(load.collection);
  const mine = `_seq = ${load.sequence}`;
  const twice = `SELECT count(*) FROM (SELECT 1 FROM ${table} WHERE ${mine} GROUP BY _ts, _id HAVING count(*) > 1)`;
  const before = `SELECT count(*) FROM ${table} n WHERE n.${mine} AND EXISTS (SELECT 1 FROM ${table} o WHERE o._seq < ${load.sequence} AND ${rangeSql(load, "o")} AND o._ts = n._ts AND o._id = n._id)`;
  const dead = `SELECT count(*) FROM ${table} n WHERE n.${mine} AND EXISTS (SELECT 1 FROM ${tombstonesTable(load.collection)} o WHERE ${rangeSql(load, "o")} AND o._ts = n._ts AND o._id = n._id)`;
  const collisions = [twice, before, ...(load.mayBeDead ? [dead] : [])].map((sql) => `(${sql})`).join(" + ");
  return `SELECT ${daySql} AS day, count(*), ${lanesSql} FROM ${table} WHERE ${mine} GROUP BY 1
UNION ALL SELECT NULL, ${collisions}, NULL, NULL, NULL, NULL`;
}

/** A version's rank as one number: dead, then revision, then hash. */
const rankSql = `((dead::HUGEINT << 117) + (rev::HUGEINT << 64) + hash::HUGEINT)`;
const deadRank = `(1::HUGEINT << 117)`;

/**
 * The careful way, step by step, each a statement: `incoming` (`_line` is the line's number in the group),
 * `standing` (what is stored at those keys), `contested` (every version of a key that has several, in order, with the
 * best before it), `chosen` (the lines that win). What a version means for its sender is model/join.ts, in SQL.
 */
export function carefulSql(load: Load): readonly string[] {
  const events = eventsTable(load.collection);
  const tombstones = tombstonesTable(load.collection);
  const { names, values } = targets(load);
  const at = load.sequence;
  return [
    `CREATE OR REPLACE TEMP TABLE incoming AS SELECT row_number() OVER () - 1 AS _line, ${keySql}, coalesce(_deleted, false) AS _deleted${values} FROM ${linesSql(load)}`,
    `CREATE OR REPLACE TEMP TABLE standing AS
SELECT _ts, _id, false AS dead, _rev AS rev, _hash AS hash FROM ${events} o WHERE ${rangeSql(load, "o")} AND EXISTS (SELECT 1 FROM incoming i WHERE i._ts = o._ts AND i._id = o._id)
UNION ALL SELECT _ts, _id, true, 0, _hash FROM ${tombstones} o WHERE ${rangeSql(load, "o")} AND EXISTS (SELECT 1 FROM incoming i WHERE i._ts = o._ts AND i._id = o._id)`,
    `CREATE OR REPLACE TEMP TABLE contested AS
WITH keys AS (SELECT _ts, _id FROM standing UNION SELECT _ts, _id FROM incoming GROUP BY _ts, _id HAVING count(*) > 1),
versions AS (
  SELECT i._line AS line, i._ts, i._id, i._deleted AS dead, CASE WHEN i._deleted THEN 0 ELSE i._rev END AS rev, i._hash AS hash FROM incoming i WHERE EXISTS (SELECT 1 FROM keys k WHERE k._ts = i._ts AND k._id = i._id)
  UNION ALL SELECT -1, _ts, _id, dead, rev, hash FROM standing),
ranked AS (SELECT *, ${rankSql} AS rank FROM versions)
SELECT *, max(rank) OVER (PARTITION BY _ts, _id ORDER BY line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS best, max(rank) OVER (PARTITION BY _ts, _id) AS final FROM ranked`,
    `CREATE OR REPLACE TEMP TABLE winners AS SELECT _ts, _id, min(line) AS line FROM contested WHERE rank = final GROUP BY _ts, _id`,
    `CREATE OR REPLACE TEMP TABLE chosen AS
SELECT _line AS line FROM incoming WHERE _line NOT IN (SELECT line FROM contested WHERE line >= 0)
UNION ALL SELECT line FROM winners WHERE line >= 0`,
    `CREATE OR REPLACE TEMP TABLE beaten AS SELECT s.* FROM standing s JOIN winners w ON w._ts = s._ts AND w._id = s._id WHERE w.line >= 0 AND NOT s.dead`,
    `DELETE FROM ${events} o USING beaten b WHERE ${rangeSql(load, "o")} AND o._ts = b._ts AND o._id = b._id`,
    `INSERT INTO ${events} (_ts, _id, _rev, _hash, _seq${names}) SELECT _ts, _id, _rev, _hash, ${at}${values} FROM incoming WHERE NOT _deleted AND _line IN (SELECT line FROM chosen) ORDER BY _line`,
    `INSERT INTO ${tombstones} (_ts, _id, _hash, _seq) SELECT _ts, _id, _hash, ${at} FROM incoming WHERE _deleted AND _line IN (SELECT line FROM chosen) ORDER BY _line`,
    `INSERT INTO epsilon.conflicts SELECT ${quoteString(load.collection)}, epoch_us(_ts), _id, CASE WHEN rank > best THEN hash ELSE (best & 18446744073709551615::HUGEINT)::UBIGINT END, CASE WHEN rank > best THEN (best & 18446744073709551615::HUGEINT)::UBIGINT ELSE hash END, ${at} FROM contested WHERE ${conflictSql} ORDER BY line`,
  ];
}

const conflictSql = `line >= 0 AND best IS NOT NULL AND NOT dead AND best < ${deadRank} AND (best >> 64) = rev AND best <> rank`;

/** After the careful way: what was changed, per day. Sign is 1 for what came, -1 for what went. */
export const carefulDaysSql = `
SELECT ${daySql} AS day, 1 AS sign, count(*) FILTER (NOT _deleted), count(*) FILTER (_deleted), ${lanesSql} FROM incoming WHERE _line IN (SELECT line FROM chosen) GROUP BY 1
UNION ALL SELECT ${daySql}, -1, count(*), 0, ${lanesSql.replaceAll("_hash", "hash")} FROM beaten GROUP BY 1`;

/** After the careful way: the lines that were not simply stored. */
export const carefulOutcomesSql = `
SELECT line, best IS NOT NULL AND rank <= best AS duplicate, ${conflictSql} AS conflict, coalesce(rank > best, true) AS given FROM contested
WHERE line >= 0 AND (best IS NOT NULL) ORDER BY line`;

/** Clears what the careful way left. */
export const carefulDropSql = ["incoming", "standing", "contested", "winners", "chosen", "beaten"]
  .map((name) => `DROP TABLE IF EXISTS temp.${name}`)
  .join("; ");
