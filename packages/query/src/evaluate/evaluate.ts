/**
 * Queries over an array of events: the plainest statement of what a query means, and how the memory store answers. The
 * SQL of `plan` is held to it by a test that runs both.
 */

import {
  compareKeys,
  compareValues,
  EpsilonError,
  type Event,
  eventToJson,
  type FieldType,
  type FieldValue,
  limits,
} from "@epsilon/model";
import { fieldNotes, truncatedNote } from "../answer-notes.ts";
import { pointSeconds, seriesRow, spanSeconds, summaryRow } from "../answer-row.ts";
import {
  dayText,
  localDay,
  localHour,
  localMonth,
  localWeekday,
  monthText,
  pointKey,
  pointStart,
} from "../calendar.ts";
import { columnsOf, type Direction, directionOf, isRaw, type OrderKey, orderOf } from "../order.ts";
import type { Answer, AnswerRow, AnswerValue, GroupBy, Note, Query } from "../query.ts";
import { resolveTime } from "../time.ts";
import { aggregate } from "./evaluate-aggregate.ts";
import { fieldOf, matches } from "./matches.ts";

interface Question {
  readonly query: Query;
  readonly nowMicros: bigint;
  readonly zone: string;
  readonly startMicros: bigint | null;
  readonly endMicros: bigint | null;
}

/**
 * The answer to a query over all events of a collection, in any order. Tombstones are passed over. Throws `bad_query`
 * and `query_too_large` as `planSql` does.
 */
export function evaluateQuery(
  query: Query,
  events: Iterable<Event>,
  options: { readonly nowMicros: bigint; readonly groupsMax?: number },
): Answer {
  const { nowMicros, groupsMax = limits.groupsMax } = options;
  if (query.limit !== undefined && query.limit > groupsMax) {
    throw new EpsilonError("query_too_large", `the limit is above ${groupsMax}; ask for fewer, or in parts`);
  }
  const zone = query.timezone ?? "UTC";
  const { start, end } = query.timeRange;
  const startMicros = start === undefined ? null : resolveTime(start, nowMicros, zone);
  const endMicros = end === undefined ? null : resolveTime(end, nowMicros, zone);
  const all = [...events].filter(({ deleted }) => !deleted).sort(compareKeys);
  const within = all.filter(
    ({ tsMicros }) =>
      (startMicros === null || tsMicros >= startMicros) && (endMicros === null || tsMicros < endMicros),
  );
  const found = within.filter((event) => matches(query.filters, event, nowMicros, zone));
  const question = { query, nowMicros, zone, startMicros, endMicros };
  const answer = isRaw(query) ? rawEvents(query, found) : aggregated(question, found);
  const notes = [...fieldNotes(query, (field) => typesIn(all, field)), ...answer.notes];
  return { ...answer, notes, eventsScanned: within.length };
}

function typesIn(events: readonly Event[], field: string): ReadonlySet<FieldType> {
  const types = new Set<FieldType>();
  for (const { fields } of events) {
    const value = fields.get(field);
    if (value !== undefined) types.add(typeof value as FieldType);
  }
  return types;
}

type Found = Omit<Answer, "eventsScanned">;

function rawEvents(query: Query, events: readonly Event[]): Found {
  const limit = query.limit ?? limits.eventsDefaultCount;
  const byTime = query.orderBy.find(({ name }) => name === "_ts");
  const keyDirection = (byTime?.descending ?? true) !== query.descending ? -1 : 1;
  const sorted = [...events].sort((a, b) => {
    for (const { name, descending } of query.orderBy) {
      if (name === "_ts") break;
      const [left, right] = [fieldOf(a, name) ?? null, fieldOf(b, name) ?? null];
      const order = compareIn(directionOf(descending, query.descending), left, right);
      if (order !== 0) return order;
    }
    return compareKeys(a, b) * keyDirection;
  });
  const cut = sorted.length > limit && query.limit === undefined;
  return {
    events: sorted.slice(0, limit).map((event) => JSON.parse(eventToJson(event)) as AnswerRow),
    notes: cut ? [truncatedNote("events", limit)] : [],
  };
}

interface Group {
  readonly values: readonly AnswerValue[];
  readonly events: readonly Event[];
}

function aggregated(question: Question, events: readonly Event[]): Found {
  const { query } = question;
  const groups = query.groupBy.length === 0 ? [{ values: [], events }] : sortedGroups(question, events);
  const limit = query.groupBy.length === 0 ? 1 : (query.limit ?? limits.groupsDefaultCount);
  const chosen = groups.slice(0, limit);
  const rest = query.others ? groups.slice(limit).flatMap((group) => group.events) : [];
  const others: Group = { values: query.groupBy.map(() => null), events: [...rest].sort(compareKeys) };
  const [first, last] = [events[0], events.at(-1)];
  const span =
    first === undefined || last === undefined ? null : { first: first.tsMicros, last: last.tsMicros };
  const seconds = spanSeconds(question, span);
  const summary = chosen.map((group) =>
    summaryRow(query, {
      groups: group.values,
      columns: columnsIn(question, group.events),
      seconds,
      others: false,
    }),
  );
  if (others.events.length > 0) {
    const columns = columnsIn(question, others.events);
    summary.push(summaryRow(query, { groups: others.values, columns, seconds, others: true }));
  }
  const cut = groups.length > limit && query.limit === undefined && !query.others;
  const notes: readonly Note[] = cut ? [truncatedNote("groups", limit)] : [];
  if (query.pointSize === undefined) return { summary, notes };
  return { summary, series: seriesOf(question, chosen, others), notes };
}

function columnsIn(question: Question, events: readonly Event[]): readonly AnswerValue[] {
  return columnsOf(question.query).map((column) => aggregate(column, events, question));
}

function sortedGroups(question: Question, events: readonly Event[]): readonly Group[] {
  const found = new Map<string, { values: readonly AnswerValue[]; events: Event[] }>();
  for (const event of events) {
    const values = question.query.groupBy.map((group) => groupValue(group, event, question.zone));
    const key = JSON.stringify(values);
    const group = found.get(key) ?? { values, events: [] };
    group.events.push(event);
    found.set(key, group);
  }
  const { groups: keys } = orderOf(question.query);
  return [...found.values()]
    .map((group) => ({ ...group, columns: columnsIn(question, group.events) }))
    .sort((a, b) => {
      for (const key of keys) {
        const order = compareIn(key.direction, keyValue(a, key), keyValue(b, key));
        if (order !== 0) return order;
      }
      return 0;
    });
}

function keyValue(
  group: { readonly values: readonly AnswerValue[]; readonly columns: readonly AnswerValue[] },
  key: OrderKey,
): AnswerValue {
  return (key.of === "group" ? group.values : group.columns)[key.index] ?? null;
}

/** A group's value of an event. */
function groupValue(group: GroupBy, event: Event, zone: string): AnswerValue {
  switch (group.kind) {
    case "field":
      return fieldOf(event, group.field) ?? null;
    case "bucket": {
      const value = fieldOf(event, group.field);
      if (typeof value !== "number") return null;
      const floor = Math.floor(value / group.width) * group.width + 0;
      return Number.isFinite(floor) ? floor : null;
    }
    case "part":
      return partOf(group.part, event.tsMicros, zone);
  }
}

function partOf(part: (GroupBy & { kind: "part" })["part"], tsMicros: bigint, zone: string): FieldValue {
  switch (part) {
    case "hour":
      return localHour(tsMicros, zone);
    case "weekday":
      return localWeekday(tsMicros, zone);
    case "day":
      return dayText(localDay(tsMicros, zone));
    case "month":
      return monthText(localMonth(tsMicros, zone));
  }
}

/** A row a point and group that has events there; the groups in the summary's order, the others last. */
function seriesOf(question: Question, chosen: readonly Group[], others: Group): readonly AnswerRow[] {
  const { query, zone } = question;
  const { pointSize } = query;
  if (pointSize === undefined) return [];
  const points = new Map<bigint, Map<Group, Event[]>>();
  for (const group of [...chosen, others]) {
    for (const event of group.events) {
      const key = pointKey(event.tsMicros, pointSize, zone);
      const byGroup = points.get(key) ?? new Map<Group, Event[]>();
      points.set(key, byGroup.set(group, [...(byGroup.get(group) ?? []), event]));
    }
  }
  const direction = orderOf(query).pointsDescending ? -1 : 1;
  const keys = [...points.keys()].sort((a, b) => (a < b ? -direction : direction));
  const rows = keys.flatMap((key) => {
    const start = pointStart(key, pointSize, zone);
    const seconds = pointSeconds(question, { start, end: pointStart(key + 1n, pointSize, zone) });
    return [...(points.get(key) ?? [])].map(([group, events]) =>
      seriesRow(query, {
        start,
        groups: group.values,
        columns: columnsIn(question, events),
        seconds,
        others: group === others,
      }),
    );
  });
  if (rows.length <= limits.seriesPointsMax) return rows;
  throw new EpsilonError(
    "query_too_large",
    `the series has more than ${limits.seriesPointsMax} rows; take wider points, fewer groups or a shorter time`,
  );
}

function compareIn(direction: Direction, a: AnswerValue, b: AnswerValue): number {
  if (a === null || b === null) {
    const nullsLast = direction === "ascending" || direction === "descending" ? 1 : -1;
    return a === b ? 0 : a === null ? nullsLast : -nullsLast;
  }
  const forward = direction === "ascending" || direction === "ascendingNullsFirst";
  return forward ? compareValues(a, b) : compareValues(b, a);
}
