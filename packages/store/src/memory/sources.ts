/** What the memory tables remember of a collection's sources: cursors, gaps, totals. */

import { parseCursor } from "@epsilon/model";
import type { EventsHeader } from "../core/frames.ts";
import type { FrameOutcome } from "../core/tables.ts";
import type { SourceInfo, StreamInfo } from "../event-store.ts";

type Totals = Omit<SourceInfo, "source" | "streams">;

interface Source {
  totals: Totals;
  readonly streams: Map<string, StreamInfo>;
}

const noTotals: Totals = { received: 0, stored: 0, duplicates: 0, rejected: 0, conflicts: 0 };

export class MemorySources {
  readonly #sources = new Map<string, Source>();

  /** A frame with a claim was applied. */
  advance(header: EventsHeader, outcome: FrameOutcome): void {
    const { claim } = header;
    if (claim === undefined) return;
    const source = this.#sources.get(claim.source) ?? { totals: noTotals, streams: new Map() };
    this.#sources.set(claim.source, source);
    const { totals } = source;
    source.totals = {
      received: totals.received + header.received,
      stored: totals.stored + outcome.stored,
      duplicates: totals.duplicates + outcome.duplicates,
      rejected: totals.rejected + header.rejected + outcome.setAside.length,
      conflicts: totals.conflicts + outcome.conflicts.length,
    };
    const { stream } = parseCursor(claim.cursor);
    const gaps = [
      ...(source.streams.get(stream)?.gaps ?? []),
      ...(claim.gap === undefined ? [] : [claim.gap]),
    ];
    const updatedAtMicros = BigInt(header.at);
    source.streams.set(stream, { stream, cursor: claim.cursor, snapshotted: null, gaps, updatedAtMicros });
  }

  forget(source: string): void {
    this.#sources.delete(source);
  }

  list(source?: string): readonly SourceInfo[] {
    return [...this.#sources]
      .filter(([name]) => source === undefined || name === source)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { totals, streams }]) => ({ source: name, streams: [...streams.values()], ...totals }));
  }
}
