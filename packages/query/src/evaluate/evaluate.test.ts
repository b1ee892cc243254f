/** What both ways of answering share is held to numbers worked out by hand: rates, the others, notes, defaults. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Event, type FieldValue, parseTimestamp } from "@epsilon/model";
import type { Answer, Query } from "../query.ts";
import { evaluateQuery } from "./evaluate.ts";

const start = parseTimestamp("2026-01-01T00:00:00Z");

/** Events ten seconds apart. */
const events: readonly Event[] = (
  [
    { host: "a", n: 1 },
    { host: "b", n: 2 },
    { host: "a", n: 3 },
    { n: 4 },
    { host: "c", n: "5" },
    { host: "a" },
  ] as const
).map((fields, index) => ({
  tsMicros: start + BigInt(index) * 10_000_000n,
  id: `00000000-0000-4000-8000-00000000000${index}`,
  rev: 0,
  deleted: false,
  fields: new Map<string, FieldValue>(Object.entries(fields)),
}));

function ask(query: Partial<Query>): Answer {
  const whole: Query = {
    columns: [{ aggregate: "count" }],
    groupBy: [],
    filters: [],
    timeRange: {},
    orderBy: [],
    descending: false,
    others: false,
    sources: false,
    ...query,
  };
  return evaluateQuery(whole, events, { nowMicros: start });
}

const byHost = [{ kind: "field", field: "host" }] as const;

test("a rate is per second of the range, or of the time from the first to the last event", () => {
  const columns = [{ aggregate: "rate" }, { aggregate: "rate", field: "n" }] as const;
  assert.deepEqual(ask({ columns }).summary, [{ rate: 6 / 50, "rate(n)": 10 / 50 }]);
  const timeRange = { start: "2026-01-01T00:00:00Z", end: "2026-01-01T00:01:40Z" };
  assert.deepEqual(ask({ columns, timeRange }).summary, [{ rate: 6 / 100, "rate(n)": 10 / 100 }]);
  const one = { start: "2026-01-01T00:00:50Z" };
  assert.deepEqual(ask({ columns, timeRange: one }).summary, [{ rate: null, "rate(n)": null }]);
});

test("a point's rate is per second of as much of the point as lies in the range", () => {
  const columns = [{ aggregate: "rate" }] as const;
  const timeRange = { start: "2026-01-01T00:00:10Z", end: "2026-01-01T00:00:45Z" };
  assert.deepEqual(ask({ columns, timeRange, pointSize: { count: 30, unit: "s" } }).series, [
    { _ts: "2026-01-01T00:00:00.000000Z", rate: 2 / 20 },
    { _ts: "2026-01-01T00:00:30.000000Z", rate: 2 / 15 },
  ]);
});

test("groups: the greatest first, ties by their own values, null last; descending is the opposite", () => {
  const hosts = (query: Partial<Query>) =>
    ask({ groupBy: byHost, ...query }).summary?.map(({ host }) => host);
  assert.deepEqual(hosts({}), ["a", "b", "c", null]);
  assert.deepEqual(hosts({ descending: true }), [null, "c", "b", "a"]);
  assert.deepEqual(hosts({ orderBy: [{ name: "host", descending: true }] }), ["c", "b", "a", null]);
});

test("the others are one row, computed from their events, and last in each point", () => {
  const columns = [{ aggregate: "count" }, { aggregate: "max", field: "n" }] as const;
  const answer = ask({
    columns,
    groupBy: byHost,
    limit: 1,
    others: true,
    pointSize: { count: 1, unit: "m" },
  });
  const rows = [
    { host: "a", count: 3, "max(n)": 3 },
    { host: null, count: 3, "max(n)": "5", _others: true },
  ];
  assert.deepEqual(answer.summary, rows);
  assert.deepEqual(
    answer.series,
    rows.map((row) => ({ _ts: "2026-01-01T00:00:00.000000Z", ...row })),
  );
});

test("notes name fields that nobody has, and fields of several types or of another", () => {
  const codes = (query: Partial<Query>) => ask(query).notes.map(({ code }) => code);
  const sum = (field: string) => ({ columns: [{ aggregate: "sum" as const, field }] });
  assert.deepEqual(codes({}), []);
  assert.deepEqual(codes(sum("nobody")), ["unknown_field"]);
  assert.deepEqual(codes(sum("n")), ["mixed_types"]);
  assert.deepEqual(codes(sum("host")), ["mixed_types"]);
  assert.deepEqual(codes({ filters: [{ kind: "exists", field: "n" }] }), []);
});
