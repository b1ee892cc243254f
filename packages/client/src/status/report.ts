/** Sources × instances: how far each has come, what is at risk, what is missing. From what the instances answered; no I/O. */

import { type Gap, parseCursor } from "@epsilon/model";
import type { SourceAnswer } from "../http/answers.ts";

/** What an instance said; `error` if it said nothing. */
export interface InstanceSaid {
  readonly url: string;
  readonly id: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** By collection. */
  readonly collections: ReadonlyMap<string, readonly SourceAnswer[]>;
}

/** Where an instance stands in a stream. */
export interface Place {
  readonly url: string;
  /** null where it has nothing of the stream, or lost what it stood for. */
  readonly position: number | null;
  /** What its snapshots hold; null without any. */
  readonly snapshotted: number | null;
  /** How far it is behind the one that is furthest. */
  readonly lag: number;
  readonly gaps: readonly Gap[];
}

export interface StreamReport {
  readonly collection: string;
  readonly source: string;
  readonly stream: string;
  /** Not the last one of its source: a file that was rotated, an earlier life of a spool. */
  readonly isEarlier: boolean;
  readonly updatedAt: string;
  /** How far the furthest instance is: events for a spool, bytes for a file. */
  readonly furthest: number;
  /** What is on one instance alone, in the same measure. */
  readonly atRisk: number;
  /** One for each instance that answered. */
  readonly places: readonly Place[];
}

export interface StatusReport {
  readonly instances: readonly {
    readonly url: string;
    readonly id: string | null;
    readonly error: InstanceSaid["error"];
  }[];
  readonly streams: readonly StreamReport[];
  /** Instances whose snapshots hold nothing of any source. */
  readonly unprotected: readonly string[];
  /** The greatest lag in a stream that is a source's last. */
  readonly lag: number;
  readonly gaps: number;
  readonly rejected: number;
  readonly conflicts: number;
}

/** Puts together what instances said. Two addresses of one instance count once for what is at risk. */
export function reportStatus(said: readonly InstanceSaid[]): StatusReport {
  const answering = said.filter(({ error }) => error === null);
  const streams = keysOf(answering).map(({ collection, source, stream }) =>
    streamReport(answering, { collection, source, stream }),
  );
  const last = lastOfEach(streams);
  const all = streams.map((one) => ({ ...one, isEarlier: last.get(sourceKey(one)) !== one.stream }));
  const totals = answering.flatMap(({ collections }) => [...collections.values()].flat());
  return {
    instances: said.map(({ url, id, error }) => ({ url, id, error })),
    streams: all,
    unprotected: answering
      .map(({ url }) => url)
      .filter((url) => all.length > 0 && !all.some(({ places }) => isProtected(places, url))),
    lag: Math.max(
      0,
      ...all.filter(({ isEarlier }) => !isEarlier).flatMap(({ places }) => places.map(({ lag }) => lag)),
    ),
    gaps: all.reduce((sum, { places }) => sum + places.reduce((own, { gaps }) => own + gaps.length, 0), 0),
    rejected: Math.max(0, ...totals.map(({ rejected }) => rejected)),
    conflicts: Math.max(0, ...totals.map(({ conflicts }) => conflicts)),
  };
}

interface StreamKey {
  readonly collection: string;
  readonly source: string;
  readonly stream: string;
}

function keysOf(said: readonly InstanceSaid[]): readonly StreamKey[] {
  const found = new Map<string, StreamKey>();
  for (const { collections } of said)
    for (const [collection, sources] of collections)
      for (const { source, streams } of sources)
        for (const { stream } of streams)
          found.set(JSON.stringify([collection, source, stream]), { collection, source, stream });
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, key]) => key);
}

function streamReport(said: readonly InstanceSaid[], key: StreamKey): StreamReport {
  const found = said.map(({ url, id, collections }) => {
    const source = collections.get(key.collection)?.find(({ source: name }) => name === key.source);
    return { url, id, stream: source?.streams.find(({ stream }) => stream === key.stream) };
  });
  const positionOf = (cursor: string | null | undefined): number | null =>
    cursor === null || cursor === undefined ? null : parseCursor(cursor).position;
  const positions = found.map(({ stream }) => positionOf(stream?.cursor));
  const furthest = Math.max(0, ...positions.map((position) => position ?? 0));
  // An instance that has two addresses is one.
  const byInstance = new Map<string, number>();
  for (const [index, { url, id }] of found.entries()) byInstance.set(id ?? url, positions[index] ?? 0);
  const second = [...byInstance.values()].sort((a, b) => b - a)[1] ?? 0;
  return {
    ...key,
    isEarlier: false,
    updatedAt:
      found
        .map(({ stream }) => stream?.updated_at ?? "")
        .sort()
        .at(-1) ?? "",
    furthest,
    atRisk: furthest - second,
    places: found.map(({ url, stream }, index) => ({
      url,
      position: positions[index] ?? null,
      snapshotted: positionOf(stream?.snapshotted),
      lag: furthest - (positions[index] ?? 0),
      gaps: stream?.gaps ?? [],
    })),
  };
}

function lastOfEach(streams: readonly StreamReport[]): ReadonlyMap<string, string> {
  const last = new Map<string, StreamReport>();
  for (const one of streams) {
    const known = last.get(sourceKey(one));
    if (known === undefined || known.updatedAt <= one.updatedAt) last.set(sourceKey(one), one);
  }
  return new Map([...last].map(([key, { stream }]) => [key, stream]));
}

function sourceKey({ collection, source }: StreamReport): string {
  return JSON.stringify([collection, source]);
}

function isProtected(places: readonly Place[], url: string): boolean {
  return places.some((place) => place.url === url && place.snapshotted !== null);
}
