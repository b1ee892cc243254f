/**
 * Cuts a stream of bytes into records (lines, CSV rows, JSON values) without understanding them: where each begins, on
 * which line, and its bytes. Memory is bounded by the longest record that is taken.
 */

import { EpsilonError, type ErrorCode } from "@epsilon/model";

/** One record as it stands in the file. */
export interface RawRecord {
  /** Its bytes, without the line ending. Valid until the next call of the splitter. */
  readonly bytes: Uint8Array;
  /** Where it begins, bytes from the beginning of the file. */
  readonly offset: number;
  /** The line it begins on, from 1. */
  readonly line: number;
}

/** A stretch of the file that is no record. */
export interface BadRecord {
  readonly line: number;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface Split {
  readonly records: readonly RawRecord[];
  readonly bad: readonly BadRecord[];
  /** Where the part that is cut ends, bytes from the beginning of the file: the next record begins there or later. */
  readonly end: number;
}

export interface Splitter {
  push(chunk: Uint8Array): Split;
  /** What is left at the end of the file. */
  end(): Split;
}

/** A longer record is no event: an event has 1 MiB at most, and white space does not make it eight. */
export const recordBytesMax = 8 * 1024 * 1024;

export const newline = 0x0a;
const carriageReturn = 0x0d;
const quote = 0x22;

/** What all splitters share: the bytes not cut yet, and where they stand in the file. */
export class Pending {
  bytes: Uint8Array = new Uint8Array(0);
  /** File offset of `bytes[0]`. */
  offset = 0;
  /** Line of `bytes[0]`. */
  line = 1;

  add(chunk: Uint8Array): void {
    if (this.bytes.length === 0) {
      this.bytes = chunk;
      return;
    }
    const joined = new Uint8Array(this.bytes.length + chunk.length);
    joined.set(this.bytes);
    joined.set(chunk, this.bytes.length);
    this.bytes = joined;
  }

  /** Drops the first `count` bytes. */
  drop(count: number): void {
    this.bytes = this.bytes.subarray(count);
    this.offset += count;
  }
}

/** One record a line. Blank lines are none. */
export function splitLines(): Splitter {
  const pending = new Pending();
  let skipping = false;
  const cut = (atEnd: boolean): Split => {
    const records: RawRecord[] = [];
    const bad: BadRecord[] = [];
    const { bytes } = pending;
    let from = 0;
    for (;;) {
      let to = bytes.indexOf(newline, from);
      if (to === -1) {
        if (!atEnd || from === bytes.length) break;
        to = bytes.length;
      }
      const line = trimLineEnd(bytes.subarray(from, to));
      if (skipping) skipping = false;
      else if (!isBlank(line))
        records.push({ bytes: line, offset: pending.offset + from, line: pending.line });
      pending.line += 1;
      from = to + 1;
      if (from > bytes.length) break;
    }
    pending.drop(Math.min(from, bytes.length));
    if (pending.bytes.length > recordBytesMax) {
      if (!skipping) bad.push(tooLong(pending.line));
      skipping = true;
      pending.drop(pending.bytes.length);
    }
    return { records, bad, end: pending.offset };
  };
  return {
    push: (chunk) => {
      pending.add(chunk);
      return cut(false);
    },
    end: () => cut(true),
  };
}

/**
 * One record a CSV row: a line, or several where a quoted cell goes on. A quote opens a cell only where a cell begins.
 * A quote that is never closed costs its own line, not the rest of the file.
 */
export function splitCsv(delimiter: number): Splitter {
  const pending = new Pending();
  const cut = (atEnd: boolean): Split => {
    const records: RawRecord[] = [];
    const bad: BadRecord[] = [];
    const { bytes } = pending;
    let from = 0;
    let nextQuote = bytes.indexOf(quote);
    while (from < bytes.length) {
      const lineEnd = bytes.indexOf(newline, from);
      let end = lineEnd;
      let linesInside = 0;
      if (nextQuote !== -1 && nextQuote < from) nextQuote = bytes.indexOf(quote, from);
      if (nextQuote !== -1 && (lineEnd === -1 || nextQuote < lineEnd)) {
        const row = endOfQuotedRow(bytes, from, delimiter);
        end = row.end;
        linesInside = row.lines;
        const isTooLong = bytes.length - from > recordBytesMax;
        if (end === -1 && row.isOpen && (atEnd || isTooLong)) {
          bad.push({
            line: pending.line,
            code: "bad_row",
            message: "a quote opens a cell and is never closed; double the quotes inside of cells",
          });
          from = lineEnd === -1 ? bytes.length : lineEnd + 1;
          pending.line += 1;
          continue;
        }
      }
      if (end === -1) {
        if (!atEnd) break;
        end = bytes.length;
      }
      const row = trimLineEnd(bytes.subarray(from, end));
      if (!isBlank(row)) records.push({ bytes: row, offset: pending.offset + from, line: pending.line });
      pending.line += 1 + linesInside;
      from = end + 1;
    }
    pending.drop(Math.min(from, bytes.length));
    if (!atEnd && pending.bytes.length > recordBytesMax) throw noLineEnds();
    return { records, bad, end: pending.offset };
  };
  return {
    push: (chunk) => {
      pending.add(chunk);
      return cut(false);
    },
    end: () => cut(true),
  };
}

/** Where a row with quotes ends (its newline), -1 if not in these bytes; and whether a cell is open there. */
function endOfQuotedRow(
  bytes: Uint8Array,
  from: number,
  delimiter: number,
): { readonly end: number; readonly lines: number; readonly isOpen: boolean } {
  let lines = 0;
  let isCellStart = true;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === quote && isCellStart) {
      // The cell's end: a quote that is not doubled.
      let close = at + 1;
      for (;;) {
        const next = bytes.indexOf(quote, close);
        if (next === -1 || next + 1 >= bytes.length) {
          // A quote as the last byte may yet be doubled: only the end of the file tells.
          return next === -1 ? { end: -1, lines, isOpen: true } : { end: -1, lines, isOpen: false };
        }
        if (bytes[next + 1] !== quote) {
          lines += countNewlines(bytes, close, next);
          at = next;
          break;
        }
        lines += countNewlines(bytes, close, next);
        close = next + 2;
      }
      isCellStart = false;
    } else if (byte === newline) return { end: at, lines, isOpen: false };
    else isCellStart = byte === delimiter;
  }
  return { end: -1, lines, isOpen: false };
}

function countNewlines(bytes: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let at = bytes.indexOf(newline, from); at !== -1 && at < to; at = bytes.indexOf(newline, at + 1))
    count += 1;
  return count;
}

/** Without the carriage return of a CR LF. */
export function trimLineEnd(line: Uint8Array): Uint8Array {
  return line[line.length - 1] === carriageReturn ? line.subarray(0, -1) : line;
}

function isBlank(line: Uint8Array): boolean {
  for (const byte of line) if (byte !== 0x20 && byte !== 0x09 && byte !== carriageReturn) return false;
  return true;
}

/** The rejection of a record that is too long to be an event. */
export function tooLong(line: number): BadRecord {
  return {
    line,
    code: "event_too_large",
    message: `no event is longer than ${recordBytesMax} bytes of text; is this the right format?`,
  };
}

function noLineEnds(): EpsilonError {
  return new EpsilonError(
    "bad_row",
    `a row has more than ${recordBytesMax} bytes; is this CSV, and is --delimiter right?`,
  );
}
