/**
 * A query means the same in SQL as plainly. Goal: `planSql` run by DuckDB answers as `evaluateQuery` does. Method:
 * generated events go into a table such as the store makes, generated queries are answered both ways, and the answers
 * are compared; the generators must have touched every part of the language.
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { type Event, type FieldType, type FieldValue, formatTimestamp, limits, must } from "@epsilon/model";
import {
  type Answer,
  type AnswerRow,
  evaluateQuery,
  filterSql,
  matches,
  type Plan,
  planSql,
  type Query,
  quoteIdentifier,
  quoteString,
  type SqlContext,
} from "@epsilon/query";
import { arbitraryEvents, arbitraryFilter, arbitraryQuery, QueryCoverage } from "@epsilon/query/testing";
import fc from "fast-check";

const nowMicros = 1_790_000_000_123_456n;
const runs = 600;

let instance: DuckDBInstance;
let connection: DuckDBConnection;

before(async () => {
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  connection = await instance.connect();
});

after(() => {
  connection.closeSync();
  instance.closeSync();
});

const sqlTypes = { string: "VARCHAR", number: "DOUBLE", boolean: "BOOLEAN" } as const;

interface TypedColumn {
  readonly field: string;
  readonly type: FieldType;
  readonly name: string;
}

/** Fills `events` as the store would: a typed column for each field and type that occurs. */
async function fill(events: readonly Event[]): Promise<SqlContext> {
  const columns = new Map<string, TypedColumn>();
  for (const { fields } of events) {
    for (const [field, value] of fields) {
      const type = typeof value as FieldType;
      const name = `${field}~${type}`;
      columns.set(name, { field, type, name });
    }
  }
  const all = [...columns.values()];
  const declared = all.map(({ name, type }) => `, ${quoteIdentifier(name)} ${sqlTypes[type]}`).join("");
  await connection.run(
    `CREATE OR REPLACE TABLE events (_ts TIMESTAMP NOT NULL, _id UUID NOT NULL, _rev BIGINT NOT NULL${declared})`,
  );
  if (events.length > 0) {
    const rows = events.map((event) => {
      const cells = all.map(({ field, type }) => cellSql(event.fields.get(field), type));
      return `(${[`make_timestamp(${event.tsMicros})`, `'${event.id}'`, event.rev, ...cells].join(", ")})`;
    });
    await connection.run(`INSERT INTO events VALUES ${rows.join(", ")}`);
  }
  const names = all.map(({ name }) => `, ${quoteIdentifier(name)}`).join("");
  return {
    table: '"events"',
    nowMicros,
    fields: (field) =>
      all
        .filter((column) => column.field === field)
        .map(({ type, name }) => ({ type, sql: quoteIdentifier(name) })),
    groupsMax: 1000,
    events: {
      select: `epoch_us(_ts), _id::VARCHAR, _rev${names}`,
      row: ([ts, id, rev, ...cells]) => eventRow({ ts, id, rev, cells }, all),
    },
  };
}

function cellSql(value: FieldValue | undefined, type: FieldType): string {
  if (typeof value !== type || value === undefined) return "NULL";
  return typeof value === "string" ? quoteString(value) : String(value);
}

function eventRow(
  row: { ts: unknown; id: unknown; rev: unknown; cells: readonly unknown[] },
  columns: readonly TypedColumn[],
): AnswerRow {
  const fields = columns
    .map(({ field }, index) => [field, row.cells[index]] as const)
    .filter(([, value]) => value !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries([
    ["_ts", formatTimestamp(row.ts as bigint)],
    ["_id", row.id],
    ...(row.rev === 0n ? [] : [["_rev", Number(row.rev)]]),
    ...fields,
  ]) as AnswerRow;
}

async function run(plan: Plan): Promise<Omit<Answer, "eventsScanned">> {
  const results: (readonly (readonly unknown[])[])[] = [];
  for (const statement of plan.statements) {
    const sql = statement(results);
    results.push(sql === null ? [] : (await connection.runAndReadAll(sql)).getRows());
  }
  return plan.shape(results);
}

/** Rounds numbers to nine significant digits, so that the last bits of a sum do not count. */
function rounded(rows: readonly AnswerRow[] | undefined): unknown {
  return rows?.map((row) =>
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === "number" ? Number(value.toPrecision(9)) : value,
    ]),
  );
}

function comparable(answer: Omit<Answer, "eventsScanned">): unknown {
  return {
    summary: rounded(answer.summary),
    series: rounded(answer.series),
    events: answer.events?.map((row) => Object.entries(row)),
    notes: answer.notes,
  };
}

test("SQL answers as plain evaluation does, over every part of the language", async () => {
  const coverage = new QueryCoverage();
  await fc.assert(
    fc.asyncProperty(
      arbitraryEvents,
      fc.array(arbitraryQuery, { minLength: 3, maxLength: 3 }),
      async (events, queries) => {
        const context = await fill(events);
        for (const query of queries) {
          coverage.add(query);
          const plan = planSql(query, context);
          const expected = evaluateQuery(query, events, { nowMicros, groupsMax: 1000 });
          const actual = await run(plan);
          assert.deepEqual(comparable(actual), comparable(expected), JSON.stringify(query));
        }
      },
    ),
    { numRuns: runs / 3, seed: 20_260_131 },
  );
  assert.deepEqual(coverage.report(), { share: 1, missing: [] });
});

test("a condition selects the events that match, and NOT the others", async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryEvents, arbitraryFilter, async (events, filter) => {
      const context = await fill(events);
      const not = { kind: "not" as const, filter };
      for (const one of [filter, not]) {
        const sql = `SELECT _id::VARCHAR FROM events WHERE ${filterSql([one], context)}`;
        const found = (await connection.runAndReadAll(sql)).getRows().map(([id]) => id);
        const expected = events.filter((event) => matches([one], event, nowMicros)).map(({ id }) => id);
        assert.deepEqual(found.sort(), expected.sort(), sql);
      }
    }),
    { numRuns: 150, seed: 20_260_131 },
  );
});

const plain: Query = {
  columns: [{ aggregate: "count" }],
  groupBy: [],
  filters: [],
  timeRange: {},
  orderBy: [],
  descending: false,
  others: false,
  sources: false,
};

function numbered(count: number): readonly Event[] {
  return Array.from({ length: count }, (_, index) => ({
    tsMicros: BigInt(index) * 1_000_000n,
    id: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
    rev: 0,
    deleted: false,
    fields: new Map<string, FieldValue>([["n", index]]),
  }));
}

test("more groups or events than the default limit are cut with a note, and a given limit without", async () => {
  const events = numbered(limits.groupsDefaultCount + 1);
  const context = await fill(events);
  const groups: Query = { ...plain, groupBy: [{ kind: "field", field: "n" }] };
  const raw: Query = { ...plain, columns: [] };
  for (const [query, count, codes] of [
    [groups, limits.groupsDefaultCount, ["truncated"]],
    [{ ...groups, limit: 1000 }, 1000, []],
    [raw, limits.eventsDefaultCount, ["truncated"]],
    [{ ...raw, limit: 100 }, 100, []],
  ] as const) {
    const answer = await run(planSql(query, context));
    assert.equal((answer.summary ?? answer.events)?.length, count);
    assert.deepEqual(
      answer.notes.map(({ code }) => code),
      codes,
    );
    assert.deepEqual(comparable(answer), comparable(evaluateQuery(query, events, { nowMicros })));
  }
});

test("a limit beyond what may be held is refused, not cut", async () => {
  const context = await fill(numbered(1));
  const query: Query = { ...plain, groupBy: [{ kind: "field", field: "n" }], limit: 1001 };
  assert.throws(() => planSql(query, context), { code: "query_too_large" });
  assert.throws(() => evaluateQuery(query, [], { nowMicros, groupsMax: 1000 }), { code: "query_too_large" });
});

test("an unknown ORDER BY and what is no RE2 are refused before DuckDB sees them", async () => {
  const context = await fill(numbered(1));
  const refused: readonly Query[] = [
    { ...plain, orderBy: [{ name: "nothing", descending: true }] },
    { ...plain, filters: [{ kind: "text", field: "host", op: "matches", value: "a(?=b)" }] },
    { ...plain, filters: [{ kind: "text", field: "host", op: "matches", value: "(a" }] },
  ];
  for (const query of refused) assert.throws(() => planSql(query, context), { code: "bad_query" });
});

test("a simple query is one plain statement", async () => {
  const context = await fill([
    {
      ...must(numbered(1)[0]),
      fields: new Map<string, FieldValue>([
        ["path", "/"],
        ["bytes", 1],
      ]),
    },
  ]);
  const query: Query = {
    ...plain,
    columns: [{ aggregate: "count" }, { aggregate: "sum", field: "bytes" }],
    groupBy: [{ kind: "field", field: "path" }],
    filters: [{ kind: "compare", field: "bytes", op: ">=", value: 1 }],
    timeRange: { start: "1970-01-01T00:00:00Z" },
    limit: 10,
  };
  const { statements } = planSql(query, context);
  assert.deepEqual(
    statements.map((statement) => statement([])),
    [
      'SELECT "path~string", count(*), sum("bytes~number") FROM "events" WHERE _ts >= make_timestamp(0) AND "bytes~number" >= 1 GROUP BY 1 ORDER BY count(*) DESC NULLS LAST, "path~string" NULLS LAST LIMIT 11',
    ],
  );
});

test("the points of all groups need no join; those of some do", async () => {
  const context = await fill(numbered(1));
  const query: Query = {
    ...plain,
    columns: [{ aggregate: "count" }],
    groupBy: [{ kind: "part", part: "hour" }],
    pointSize: { count: 1, unit: "h" },
    others: true,
    limit: 1,
  };
  const sqlAfter = (found: number): readonly (string | null)[] => {
    const before = [Array.from({ length: found }, () => [])];
    return planSql(query, context)
      .statements.slice(1)
      .map((statement) => statement(before));
  };
  const [noOthers, all] = sqlAfter(1);
  assert.equal(noOthers, null);
  assert.doesNotMatch(all ?? "JOIN", /JOIN/);
  for (const sql of sqlAfter(2)) assert.match(sql ?? "", /JOIN _chosen/);
});

test("`notBeforeMicros` hides what is earlier, and not what is at it", async () => {
  const events = numbered(5);
  const context = await fill(events);
  const answer = await run(planSql(plain, { ...context, notBeforeMicros: 2_000_000n }));
  assert.deepEqual(answer.summary, [{ count: 3 }]);
});

test("groups can be ordered by what rounding may tie", async () => {
  const events = numbered(60).map((event, index) => ({
    ...event,
    fields: new Map<string, FieldValue>([
      ["host", `h${index % 5}`],
      ["n", index * (index % 5)],
    ]),
  }));
  const context = await fill(events);
  for (const aggregate of ["stddev", "p90", "p95", "p99", "p999"] as const) {
    const query: Query = {
      ...plain,
      columns: [
        { aggregate: "p50", field: "n" },
        { aggregate, field: "n" },
      ],
      groupBy: [{ kind: "field", field: "host" }],
      orderBy: [{ name: `${aggregate}(n)`, descending: true }],
      limit: 3,
      others: true,
    };
    const answer = await run(planSql(query, context));
    assert.deepEqual(
      answer.summary?.map(({ host }) => host),
      ["h4", "h3", "h2", null],
    );
    assert.deepEqual(comparable(answer), comparable(evaluateQuery(query, events, { nowMicros })));
  }
});
