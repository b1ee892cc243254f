/** What a frame of a spool's log says of itself: docs/formats/spool.md. */

import type { LogFrame } from "@epsilon/log";
import { EpsilonError } from "@epsilon/model";
import type { Place } from "./place.ts";

/** The places before and after a frame. */
export interface PartFrame {
  readonly before: Place;
  readonly after: Place;
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
