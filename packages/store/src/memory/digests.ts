/** Digests, keys and versions in memory: filter, sort, add up. */

import {
  addDigests,
  compareKeys,
  type Digest,
  digestOf,
  type EventKey,
  emptyDigest,
  eventToJson,
  keyText,
  keyToJson,
  must,
  versionOf,
} from "@epsilon/model";
import type { DigestPart, DigestRequest, KeyRange } from "../comparing.ts";
import { digestParts, type Measured } from "../core/digest-parts.ts";
import type { ScanChunk } from "../event-store.ts";
import type { StoredEvent } from "./tables.ts";

const dayMicros = 86_400_000_000n;

/** The parts of the ranges asked for. */
export function memoryDigests(
  stored: readonly StoredEvent[],
  request: DigestRequest,
): Promise<readonly (readonly DigestPart[])[]> {
  const days = new Map<number, StoredEvent[]>();
  for (const one of stored) {
    const day = dayOf(one.event.tsMicros);
    days.set(day, [...(days.get(day) ?? []), one]);
  }
  return digestParts(request, {
    days: [...days].sort(([a], [b]) => a - b).map(([day, own]) => ({ day, digest: sum(own) })),
    measure: async (ranges) => ranges.map((range) => sum(within(stored, range))),
    divide: async (range, { pieces }) => divide(within(stored, range), range, pieces),
  });
}

/** Keys and versions in a range, in order. */
export async function* memoryKeys(
  stored: readonly StoredEvent[],
  range: KeyRange,
): AsyncGenerator<ScanChunk> {
  const found = within(stored, range);
  yield chunkOf(
    found.map(({ event }) => {
      const deleted = event.deleted ? ',"_deleted":true' : "";
      return `${keyToJson(event).slice(0, -1)},"version":"${versionOf(event)}"${deleted}}`;
    }),
  );
}

/** The events and tombstones of these keys. */
export async function* memoryFetch(
  byKey: ReadonlyMap<string, StoredEvent>,
  keys: readonly EventKey[],
): AsyncGenerator<ScanChunk> {
  const found = new Set(keys.flatMap((key) => byKey.get(keyText(key)) ?? []));
  yield chunkOf([...found].map(({ event }) => eventToJson(event)));
}

function chunkOf(lines: readonly string[]): ScanChunk {
  return {
    ndjson: new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")),
    events: lines.length,
  };
}

function divide(stored: readonly StoredEvent[], range: KeyRange, pieces: number): readonly Measured[] {
  const groups: StoredEvent[][] = [];
  for (const [at, one] of stored.entries()) {
    const piece = Math.floor((at * pieces) / stored.length);
    const group = groups[piece] ?? [];
    groups[piece] = group;
    group.push(one);
  }
  const filled = groups.filter((group) => group !== undefined);
  return filled.map((group, index) => ({
    from: index === 0 ? range.from : keyOf(must(group[0])),
    to: index + 1 < filled.length ? keyOf(must(filled[index + 1]?.[0])) : range.to,
    digest: sum(group),
  }));
}

function within(stored: readonly StoredEvent[], { from, to }: KeyRange): readonly StoredEvent[] {
  return stored
    .filter(
      ({ event }) =>
        (from === null || compareKeys(from, event) <= 0) && (to === null || compareKeys(event, to) < 0),
    )
    .sort((a, b) => compareKeys(a.event, b.event));
}

function keyOf({ event: { tsMicros, id } }: StoredEvent): EventKey {
  return { tsMicros, id };
}

function sum(stored: readonly StoredEvent[]): Digest {
  return stored.reduce((total, { hash }) => addDigests(total, digestOf(BigInt(`0x${hash}`))), emptyDigest);
}

/** Rounded down, before 1970 too. */
function dayOf(tsMicros: bigint): number {
  const day = Number(tsMicros / dayMicros);
  return tsMicros < 0n && tsMicros % dayMicros !== 0n ? day - 1 : day;
}
