/**
 * Where the newest events begin.
 *
 * "The newest 100" of millions need not look at millions: from the end of the range a window grows until it holds
 * enough that match; DuckDB's zone maps make counting a window nearly free. Without a filter the days' counts give
 * the first window at once.
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
  readonly signal: AbortSignal | undefined;
}

const dayMicros = 86_400_000_000n;
const growth = 16n;
/** Below this many events a plain top-N is as fast. */
const eventsWorthwhile = 200_000;

/** A time at or after which at least `wanted` events match, or null if that is not worth finding out. */
export async function newestBoundMicros(database: Database, request: NewestRequest): Promise<bigint | null> {
  let events = 0;
  for (const { events: count } of request.days.values()) events += count;
  if (events < eventsWorthwhile) return null;
  const before = request.endMicros === null ? "" : ` WHERE _ts < make_timestamp(${request.endMicros})`;
  const [newest] = await database.read(
    `SELECT epoch_us(max(_ts)), epoch_us(min(_ts)) FROM ${request.table}${before}`,
    request,
  );
  const [last, first] = [newest?.[0], newest?.[1]];
  if (typeof last !== "bigint" || typeof first !== "bigint") return null;
  const density = events / Math.max(1, request.days.size) / Number(dayMicros);
  let width = BigInt(Math.max(1000, Math.ceil((request.wanted * 4) / density)));
  while (last - width > first) {
    const from = last - width;
    const upper = request.endMicros === null ? "" : ` AND _ts < make_timestamp(${request.endMicros})`;
    const condition = request.where === null ? "" : ` AND (${request.where})`;
    const [row] = await database.read(
      `SELECT count(*) FROM ${request.table} WHERE _ts >= make_timestamp(${from})${upper}${condition}`,
      request,
    );
    if (Number(row?.[0] ?? 0) >= request.wanted) return from;
    width *= growth;
  }
  return null;
}
