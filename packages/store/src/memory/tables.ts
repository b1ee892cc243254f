/**
 * Tables in memory: maps and a sort. For tests and the simulation, and the plainest statement of what the embedded
 * tables must do. The log holds everything: it is never trimmed, and read whole at a start.
 */

import type { Env } from "@epsilon/env";
import {
  compareKeys,
  type Event,
  type EventKey,
  eventToJson,
  type FieldType,
  formatUuid,
  keyText,
  outcome,
} from "@epsilon/model";
import { type Answer, evaluateQuery, type Filter, matches, type Query, resolveTime } from "@epsilon/query";
import type { DigestPart, DigestRequest, KeyRange } from "../comparing.ts";
import type { EventsHeader, LoggedFrame } from "../core/frames.ts";
import { eventOfLoadLine, hashOfLoadLine, parseLoadLine, splitLoadLines } from "../core/load-line.ts";
import { formatNext, parseNext } from "../core/page.ts";
import type { Change, ChangePosition, FrameOutcome, Tables, TablesState } from "../core/tables.ts";
import type {
  CheckReport,
  CollectionInfo,
  FieldInfo,
  ReadOptions,
  Scan,
  ScanChunk,
  ScanRequest,
  SourceInfo,
} from "../event-store.ts";
import { memoryDigests, memoryFetch, memoryKeys } from "./digests.ts";
import { MemorySources } from "./sources.ts";

export interface StoredEvent {
  readonly event: Event;
  readonly hash: string;
  readonly sequence: number;
}

interface Conflict {
  readonly key: EventKey;
  readonly kept: string;
  readonly lost: string;
}

interface MemoryCollection {
  readonly byKey: Map<string, StoredEvent>;
  readonly sources: MemorySources;
  conflicts: readonly Conflict[];
}

const conflictsKept = 1000;
const chunkEvents = 1000;

/** Empty tables; the log fills them. */
export function openMemoryTables(env: Env): Tables {
  return new MemoryTables(env);
}

class MemoryTables implements Tables {
  readonly durable = false;
  readonly snapshots = null;
  readonly state: TablesState;
  readonly #env: Env;
  readonly #collections = new Map<string, MemoryCollection>();
  #sequence = 0;

  constructor(env: Env) {
    this.#env = env;
    this.state = {
      instanceId: formatUuid(env.random.bytes(16)).slice(0, 13),
      databaseId: formatUuid(env.random.bytes(16)).slice(0, 8),
      appliedOffset: 0,
      collections: [],
      horizons: [],
      cursors: [],
      covered: [],
      restoredFrom: null,
      clockMicros: null,
    };
  }

  get sequence(): number {
    return this.#sequence;
  }

  async apply(frames: readonly LoggedFrame[]): Promise<readonly FrameOutcome[]> {
    this.#sequence += 1;
    return frames.map((frame) => this.#applyOne(frame));
  }

  #applyOne({ header, payload }: LoggedFrame): FrameOutcome {
    const nothing = { stored: 0, duplicates: 0, conflicts: [], setAside: [] };
    switch (header.kind) {
      case "events":
        return this.#applyEvents(header, payload);
      case "drop":
        this.#collections.delete(header.collection);
        return nothing;
      case "forget":
        this.#collections.get(header.collection)?.sources.forget(header.source);
        return nothing;
      case "horizon":
        this.#purge(header.collection, BigInt(header.horizonMicros));
        return nothing;
    }
  }

  #applyEvents(header: EventsHeader, payload: Uint8Array): FrameOutcome {
    const collection = this.#ensure(header.collection);
    let stored = 0;
    const conflicts: { line: number; kept: "given" | "existing" }[] = [];
    for (const [line, text] of splitLoadLines(payload).entries()) {
      const parsed = parseLoadLine(text);
      const event = eventOfLoadLine(parsed);
      const given = { deleted: event.deleted, rev: event.rev, hash: hashOfLoadLine(parsed) };
      const key = keyText(event);
      const current = collection.byKey.get(key);
      const standing =
        current === undefined
          ? undefined
          : { deleted: current.event.deleted, rev: current.event.rev, hash: current.hash };
      const result = outcome(standing, given);
      if (result.kept !== undefined && current !== undefined) {
        conflicts.push({ line, kept: result.kept });
        const [kept, lost] =
          result.kept === "given" ? [given.hash, current.hash] : [current.hash, given.hash];
        collection.conflicts = [{ key: event, kept, lost }, ...collection.conflicts].slice(0, conflictsKept);
      }
      if (result.kind !== "stored") continue;
      stored += 1;
      collection.byKey.set(key, { event, hash: given.hash, sequence: this.#sequence });
    }
    const result = { stored, duplicates: header.lines - stored, conflicts, setAside: [] };
    collection.sources.advance(header, result);
    return result;
  }

  #ensure(name: string): MemoryCollection {
    const found = this.#collections.get(name);
    if (found !== undefined) return found;
    const made = { byKey: new Map<string, StoredEvent>(), sources: new MemorySources(), conflicts: [] };
    this.#collections.set(name, made);
    return made;
  }

  #purge(name: string, horizonMicros: bigint): void {
    const byKey = this.#collections.get(name)?.byKey ?? new Map<string, StoredEvent>();
    for (const [key, { event }] of byKey) if (event.tsMicros <= horizonMicros) byKey.delete(key);
  }

  async rememberClock(): Promise<void> {}

  async collections(): Promise<readonly Omit<CollectionInfo, "retentionMs">[]> {
    return [...this.#collections.keys()].sort().map((name) => {
      const events = this.#events(name);
      return {
        name,
        events: events.length,
        firstTsMicros: events[0]?.tsMicros ?? null,
        lastTsMicros: events[events.length - 1]?.tsMicros ?? null,
        bytesOnDisk: 0,
      };
    });
  }

  async fields(name: string): Promise<readonly FieldInfo[]> {
    const found = new Map<string, { types: Set<FieldType>; events: number }>();
    for (const event of this.#events(name)) {
      for (const [field, value] of event.fields) {
        const entry = found.get(field) ?? { types: new Set<FieldType>(), events: 0 };
        entry.types.add(typeof value as FieldType);
        entry.events += 1;
        found.set(field, entry);
      }
    }
    const order: readonly FieldType[] = ["string", "number", "boolean"];
    return [...found]
      .map(([field, { types, events }]) => ({
        name: field,
        types: order.filter((type) => types.has(type)),
        events,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async sources(name: string, source?: string): Promise<readonly SourceInfo[]> {
    return this.#collections.get(name)?.sources.list(source) ?? [];
  }

  async conflicts(name: string): Promise<readonly Conflict[]> {
    return this.#collections.get(name)?.conflicts ?? [];
  }

  async query(name: string, query: Query, options: ReadOptions): Promise<Answer> {
    options.signal?.throwIfAborted();
    return evaluateQuery(query, this.#events(name), { nowMicros: this.#env.clock.nowMicros() });
  }

  async scan(request: ScanRequest, options: ReadOptions): Promise<Scan> {
    const nowMicros = this.#env.clock.nowMicros();
    const start = request.start === undefined ? null : resolveTime(request.start, nowMicros, "UTC");
    const end = request.end === undefined ? null : resolveTime(request.end, nowMicros, "UTC");
    const after = request.after === undefined ? null : parseNext(request.after);
    const direction = request.order === "asc" ? 1 : -1;
    const found = this.#events(request.collection).filter(
      (event) =>
        (start === null || event.tsMicros >= start) &&
        (end === null || event.tsMicros < end) &&
        (after === null || compareKeys(event, after) * direction > 0) &&
        matches(request.filters, event, nowMicros),
    );
    if (direction === -1) found.reverse();
    const page = request.limit === undefined ? found : found.slice(0, request.limit);
    const last = page[page.length - 1];
    const next = page.length < found.length && last !== undefined ? formatNext(last) : null;
    async function* chunks(): AsyncGenerator<ScanChunk> {
      for (let at = 0; at < page.length; at += chunkEvents) {
        options.signal?.throwIfAborted();
        const part = page.slice(at, at + chunkEvents);
        const text = part.map((event) => `${eventToJson(event)}\n`).join("");
        yield { ndjson: new TextEncoder().encode(text), events: part.length };
      }
    }
    return { next, chunks: chunks() };
  }

  async changes(
    name: string,
    request: { readonly after: ChangePosition; readonly filters: readonly Filter[]; readonly limit: number },
  ): Promise<readonly Change[]> {
    const { after } = request;
    const nowMicros = this.#env.clock.nowMicros();
    return this.#stored(name)
      .filter(({ event, sequence }) => {
        const beyond = sequence - after.sequence || compareKeys(event, after);
        return beyond > 0 && matches(request.filters, event, nowMicros);
      })
      .sort((a, b) => a.sequence - b.sequence || compareKeys(a.event, b.event))
      .slice(0, request.limit)
      .map(({ event, sequence }) => ({
        sequence,
        tsMicros: event.tsMicros,
        id: event.id,
        json: eventToJson(event),
      }));
  }

  async *matchingKeys(name: string, filters: readonly Filter[]): AsyncGenerator<readonly EventKey[]> {
    const nowMicros = this.#env.clock.nowMicros();
    const found = this.#events(name).filter((event) => matches(filters, event, nowMicros));
    if (found.length > 0) yield found;
  }

  digests(name: string, request: DigestRequest): Promise<readonly (readonly DigestPart[])[]> {
    return memoryDigests(this.#all(name), request);
  }

  keys(name: string, range: KeyRange): AsyncIterable<ScanChunk> {
    return memoryKeys(this.#all(name), range);
  }

  eventsOf(name: string, keys: readonly EventKey[]): AsyncIterable<ScanChunk> {
    return memoryFetch(this.#collections.get(name)?.byKey ?? new Map(), keys);
  }

  async check(): Promise<Omit<CheckReport, "logFrames">> {
    const collections = [...this.#collections].map(([name, { byKey }]) => {
      const tombstones = [...byKey.values()].filter(({ event }) => event.deleted).length;
      return { name, events: byKey.size - tombstones, tombstones };
    });
    const events = collections.reduce((sum, collection) => sum + collection.events, 0);
    return { sound: true, collections, events, setAside: 0, findings: [] };
  }

  rest(): Promise<void> {
    return Promise.resolve();
  }

  figures(): { readonly setAside: number; readonly runningQueries: number; readonly bytes: number } {
    return { setAside: 0, runningQueries: 0, bytes: 0 };
  }

  async close(): Promise<void> {}

  /** Living events in key order. */
  #events(name: string): Event[] {
    return this.#stored(name)
      .map(({ event }) => event)
      .sort(compareKeys);
  }

  #stored(name: string): StoredEvent[] {
    return this.#all(name).filter(({ event }) => !event.deleted);
  }

  /** Events and tombstones. */
  #all(name: string): StoredEvent[] {
    return [...(this.#collections.get(name)?.byKey.values() ?? [])];
  }
}
