/**
 * Where the newest events begin.
 *
 * "The newest 100" of millions need not look at millions: from the end of the range a window grows until it holds
 * enough that match; DuckDB's zone maps make counting a window nearly free. The days' counts say how wide the first
 * one is.
 */

import type { Database } from "./database.ts";
import type { Day } from "./days.ts";

export interface NewestRequest {
  readonly table: string;
  readonly days: ReadonlyMap<number, Day>;
  /** Exclusive, or null. */
  readonly endMicros: bigint | null;
  readonly wanted: number;
  /** A condition, or null. */
  readonly where: string | null;
  readonly nowMicros: bigint;
  readonly signal: AbortSignal | undefined;
}

const dayMicros = 86_400_000_000n;
/** The newest event is looked for in the last hour first: before now, or before the day's end. */
const nearMicros = 3_600_000_000n;
const growth = 16n;
/** Below this many events a plain top-N is as fast. */
const eventsWorthwhile = 200_000;

/** A time at or after which at least `wanted` events match, or null if that is not worth finding out. */
export async function newestBoundMicros(database: Database, request: NewestRequest): Promise<bigint | null> {
  const days = daysBefore(request);
  const [newestDay] = days;
  const oldestDay = days.at(-1);
  if (newestDay === undefined || oldestDay === undefined) return null;
  if (days.reduce((sum, { events }) => sum + events, 0) < eventsWorthwhile) return null;
  const last = await newestMicros(database, request, newestDay.startMicros);
  if (last === null) return null;
  // The newest day may have just begun: the fullest of the last week says more. Too narrow is cheap, too wide is not.
  const fullest = Math.max(...days.slice(0, 7).map(({ events }) => events));
  const density = fullest / Number(dayMicros);
  let width = BigInt(Math.max(1000, Math.ceil((request.wanted * 4) / density)));
  while (last - width > oldestDay.startMicros) {
    const from = last - width;
    const condition = request.where === null ? "" : ` AND (${request.where})`;
    const [row] = await database.read(
      `SELECT count(*) FROM ${request.table} WHERE _ts >= make_timestamp(${from})${beforeEnd(request)}${condition}`,
      request,
    );
    if (Number(row?.[0] ?? 0) >= request.wanted) return from;
    width *= growth;
  }
  return null;
}

interface StartedDay {
  readonly startMicros: bigint;
  readonly events: number;
}

/** Days with events that begin before the end, the newest first. */
function daysBefore({ days, endMicros }: NewestRequest): readonly StartedDay[] {
  return [...days]
    .filter(([day, { events }]) => events > 0 && (endMicros === null || BigInt(day) * dayMicros < endMicros))
    .sort(([a], [b]) => b - a)
    .map(([day, { events }]) => ({ startMicros: BigInt(day) * dayMicros, events }));
}

/**
 * The time of the newest event, in the day that begins at `dayStart` if it is there. Never asked of the whole table: DuckDB knows
 * its maximum without a scan only as long as nothing was written since the last checkpoint.
 */
async function newestMicros(
  database: Database,
  request: NewestRequest,
  dayStart: bigint,
): Promise<bigint | null> {
  const dayEnd = dayStart + dayMicros;
  const likely = [dayEnd, request.nowMicros, request.endMicros ?? dayEnd].reduce((a, b) => (a < b ? a : b));
  const near = likely - nearMicros;
  for (const from of near > dayStart ? [near, dayStart] : [dayStart]) {
    const [row] = await database.read(
      `SELECT epoch_us(max(_ts)) FROM ${request.table} WHERE _ts >= make_timestamp(${from})${beforeEnd(request)}`,
      request,
    );
    const micros = row?.[0];
    if (typeof micros === "bigint") return micros;
  }
  return null;
}

function beforeEnd({ endMicros }: NewestRequest): string {
  return endMicros === null ? "" : ` AND _ts < make_timestamp(${endMicros})`;
}
