/** From what became of a batch to the contract's answer. `received = stored + duplicates + rejected`, always. */

import { assert } from "@epsilon/model";
import type { Rejection, WriteAnswer, WriteRequest } from "../event-store.ts";
import type { Prepared } from "../prepare/prepare.ts";
import type { EventsHeader, FrameClaim } from "./frames.ts";
import type { FrameOutcome } from "./tables.ts";

/** Where the source of a write stands now, and how far it is in a snapshot. */
export type CursorStanding = Pick<WriteAnswer, "cursor" | "snapshotted">;

/** The header of the frame that carries a prepared batch. */
export function eventsHeader(request: WriteRequest, prepared: Prepared, atMicros: bigint): EventsHeader {
  const range =
    prepared.accepted === 0 ? {} : { tsMin: String(prepared.tsMin), tsMax: String(prepared.tsMax) };
  return {
    kind: "events",
    collection: request.collection,
    at: String(atMicros),
    received: prepared.received,
    rejected: prepared.rejected.length,
    lines: prepared.accepted,
    tombstones: prepared.tombstones,
    ...range,
    fields: [...prepared.fields],
    ...(request.claim === undefined ? {} : { claim: claimOf(request.claim) }),
  };
}

function claimOf(claim: NonNullable<WriteRequest["claim"]>): FrameClaim {
  const { source, cursor, gap } = claim;
  return gap === undefined ? { source, cursor } : { source, cursor, gap };
}

/** The answer when the batch is durable (no outcome yet) or applied. */
export function writeAnswer(
  prepared: Prepared,
  outcome: FrameOutcome | null,
  standing: CursorStanding,
): WriteAnswer {
  const indexOf = (line: number): number => prepared.indexes?.[line] ?? line;
  const setAside: Rejection[] = (outcome?.setAside ?? []).map((line) => ({
    index: indexOf(line),
    code: "set_aside",
    message: "the table refused the event; it is kept aside on the instance, see `epsilon check`",
  }));
  const rejected = [...prepared.rejected, ...setAside].sort((a, b) => a.index - b.index);
  if (outcome !== null) {
    const sum = outcome.stored + outcome.duplicates + rejected.length;
    assert(
      sum === prepared.received,
      `stored, duplicates and rejected are ${sum}, received ${prepared.received}`,
    );
  }
  return {
    received: prepared.received,
    stored: outcome?.stored ?? null,
    duplicates: outcome?.duplicates ?? null,
    rejected,
    conflicts: (outcome?.conflicts ?? []).map(({ line, kept }) => ({ index: indexOf(line), kept })),
    ...standing,
  };
}

/** The answer when nothing was appended: a retry of what is stored, or a batch without an acceptable event. */
export function repeatAnswer(
  prepared: Prepared,
  options: { readonly standing: CursorStanding; readonly wait: "durable" | "applied" },
): WriteAnswer {
  const counted = options.wait === "applied";
  return {
    received: prepared.received,
    stored: counted ? 0 : null,
    duplicates: counted ? prepared.accepted : null,
    rejected: prepared.rejected,
    conflicts: [],
    ...options.standing,
  };
}
