/**
 * Cursors and gaps: how far an instance has come in a stream of a source, and what the source could not give.
 * A cursor is text, `stream:position:check`, and has one spelling, so that equal cursors are equal texts.
 */

import { EpsilonError } from "./errors.ts";
import { limits } from "./limits.ts";

export interface Cursor {
  /** Which life of the source. Positions of different streams are never compared. */
  readonly stream: string;
  /** How far: a record number or a byte offset; only grows. */
  readonly position: number;
  /** A chained hash of everything before it. */
  readonly check: string;
}

/** A range of positions that the source no longer had: after `from` (null: from the beginning) up to `to`. */
export interface Gap {
  readonly from: number | null;
  readonly to: number;
  readonly reason: string;
}

const cursorPattern = /^([A-Za-z0-9_-]{1,64}):(0|[1-9][0-9]{0,15}):([A-Za-z0-9_-]{1,64})$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const gapPattern = /^(null|0|[1-9][0-9]{0,15})\.\.(0|[1-9][0-9]{0,15});[ \t]*([^\u0000-\u001f\u007f]+)$/;

/** Throws `bad_cursor`. */
export function parseCursor(text: string): Cursor {
  const [, stream, digits, check] = cursorPattern.exec(text) ?? [];
  const position = Number(digits);
  if (stream === undefined || check === undefined || !Number.isSafeInteger(position)) {
    throw new EpsilonError(
      "bad_cursor",
      `${quote(text)} is not a cursor: stream:position:check, where the position is a decimal integer below 2^53`,
    );
  }
  return { stream, position, check };
}

/** The cursor's text. Throws `bad_cursor` if it has none. */
export function formatCursor(cursor: Cursor): string {
  const text = `${cursor.stream}:${cursor.position}:${cursor.check}`;
  parseCursor(text);
  return text;
}

/** Parses `Epsilon-Gap`: `<from position|null>..<to position>; <reason>`. Throws `bad_gap`. */
export function parseGap(text: string): Gap {
  const [, fromText, toText, reasonText] = gapPattern.exec(text) ?? [];
  const from = fromText === "null" ? null : Number(fromText);
  const to = Number(toText);
  const reason = (reasonText ?? "").trim();
  const positions = Number.isSafeInteger(to) && (from === null || (Number.isSafeInteger(from) && from < to));
  if (!positions || reason === "" || !isGapReason(reason)) {
    throw new EpsilonError(
      "bad_gap",
      `${quote(text)} is not a gap: <from position|null>..<to position>; <reason>, where from is below to and the ` +
        `reason has 1 to ${limits.gapReasonCharsMax} characters`,
    );
  }
  return { from, to, reason };
}

/** The gap's text, as the header has it. Throws `bad_gap` if it has none. */
export function formatGap(gap: Gap): string {
  const text = `${gap.from ?? "null"}..${gap.to}; ${gap.reason}`;
  parseGap(text);
  return text;
}

function isGapReason(reason: string): boolean {
  return reason.length <= limits.gapReasonCharsMax;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
