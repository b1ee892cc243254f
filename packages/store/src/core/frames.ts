/**
 * What the instance writes into its log: the header of a frame as one line of JSON, the payload as load lines.
 *
 * A frame is an edit: it is logged, then applied, and applying it again changes nothing. `docs/formats/log.md` has the
 * layout around it, `docs/formats/frame.md` the members of the header.
 */

import { assert } from "@epsilon/model";

/** Where a source stands after a frame. */
export interface FrameClaim {
  readonly source: string;
  readonly cursor: string;
  readonly gap?: { readonly from: number | null; readonly to: number; readonly reason: string };
}

/** Events: the payload is `lines` load lines (docs/formats/load-line.md). */
export interface EventsHeader {
  readonly kind: "events";
  readonly collection: string;
  /** Wall time of arrival, microseconds. */
  readonly at: string;
  readonly received: number;
  readonly rejected: number;
  readonly lines: number;
  readonly tombstones: number;
  /** The least and the greatest `_ts` in microseconds, as text: beyond what a double counts. Absent without lines. */
  readonly tsMin?: string;
  readonly tsMax?: string;
  /** Field name to the bit mask of its types (1 string, 2 number, 4 boolean). */
  readonly fields: readonly (readonly [string, number])[];
  readonly claim?: FrameClaim;
}

/** The collection is forgotten: events, tombstones, cursors. */
export interface DropHeader {
  readonly kind: "drop";
  readonly collection: string;
}

/** A source is forgotten: its cursors, gaps and totals. */
export interface ForgetHeader {
  readonly kind: "forget";
  readonly collection: string;
  readonly source: string;
}

/** All keys at or below the horizon are purged, and refused from here on. */
export interface HorizonHeader {
  readonly kind: "horizon";
  readonly collection: string;
  readonly horizonMicros: string;
}

export type FrameHeader = EventsHeader | DropHeader | ForgetHeader | HorizonHeader;

/** A frame on its way from the log to the tables. Offsets are the log's. */
export interface LoggedFrame {
  readonly start: number;
  readonly end: number;
  readonly header: FrameHeader;
  readonly payload: Uint8Array;
}

/** The header as the log keeps it. */
export function encodeHeader(header: FrameHeader): string {
  return JSON.stringify(header);
}

/** The header of a frame whose checksum the log has verified. */
export function parseHeader(text: string): FrameHeader {
  const header = JSON.parse(text) as FrameHeader;
  assert(
    header.kind === "events" ||
      header.kind === "drop" ||
      header.kind === "forget" ||
      header.kind === "horizon",
    `a frame of a kind that this release does not know: ${String((header as { kind?: unknown }).kind)}`,
  );
  return header;
}
