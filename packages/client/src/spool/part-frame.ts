/** What a frame of a spool's log says of itself: docs/formats/spool.md. */

import type { LogFrame } from "@epsilon/log";
import { bytesToBase64Url, EpsilonError, type Sha256, utf8Bytes } from "@epsilon/model";

/** A place between two frames: how many events lie before it, and a chained hash of their bytes. */
export interface Place {
  readonly position: number;
  readonly check: string;
}

/** Where every part begins. */
export const beginning: Place = { position: 0, check: "0" };

/** The places before and after a frame. */
export interface PartFrame {
  readonly before: Place;
  readonly after: Place;
}

/** The place after `events` events more, whose lines are `payload`. */
export function placeAfter(place: Place, events: number, payload: Uint8Array, hash: Sha256): Place {
  const prefix = utf8Bytes(`${place.check}\n${events}\n`);
  const bytes = new Uint8Array(prefix.length + payload.length);
  bytes.set(prefix);
  bytes.set(payload, prefix.length);
  return { position: place.position + events, check: bytesToBase64Url(hash(bytes).subarray(0, 16)) };
}

/** The frame's header. */
export function formatPartHeader({ before, after }: PartFrame): string {
  return JSON.stringify({
    kind: "spool",
    from: before.position,
    events: after.position - before.position,
    before: before.check,
    check: after.check,
  });
}

/** The places of a frame that was read back. Throws `log_damaged` for a header that is not a spool's. */
export function parsePartHeader(frame: LogFrame, directory: string): PartFrame {
  const header = tryJson(frame.header);
  if (isHeader(header)) {
    const { from, events, before, check } = header;
    return { before: { position: from, check: before }, after: { position: from + events, check } };
  }
  throw new EpsilonError(
    "log_damaged",
    `the frame at offset ${frame.start} in ${directory} is none of a spool: is the folder another log's?`,
    { details: { directory, logicalOffset: frame.start } },
  );
}

interface Header {
  readonly from: number;
  readonly events: number;
  readonly before: string;
  readonly check: string;
}

function isHeader(value: unknown): value is Header {
  if (typeof value !== "object" || value === null) return false;
  const { kind, from, events, before, check } = value as Record<string, unknown>;
  return (
    kind === "spool" &&
    Number.isSafeInteger(from) &&
    Number.isSafeInteger(events) &&
    typeof before === "string" &&
    typeof check === "string"
  );
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
