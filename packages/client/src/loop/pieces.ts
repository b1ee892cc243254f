/**
 * A chunk that an instance does not take in one request: it is too large, or something in it spoils the whole. Its events go in pieces and without a cursor, which is
 * harmless because writes may overlap; the cursor follows when all of them are durable.
 */

import { EpsilonError, must } from "@epsilon/model";
import type { Rejection, WriteAnswer } from "../http/answers.ts";
import { isToBeCut } from "./backoff.ts";
import { linesOf } from "./rejected.ts";

/**
 * Writes NDJSON in halves of halves, as small as it takes. A line that is refused alone counts as rejected. Answers
 * the rejections, counted over all lines; rejects with whatever else `write` rejects with.
 */
export async function writeInPieces(
  lines: Uint8Array,
  write: (piece: Uint8Array) => Promise<WriteAnswer>,
): Promise<readonly Rejection[]> {
  const rejected: Rejection[] = [];
  const pieces = halvesOf([...linesOf(lines)], 0);
  while (pieces.length > 0) {
    const piece = must(pieces.pop());
    try {
      const answer = await write(joined(piece.lines));
      for (const rejection of answer.rejected)
        rejected.push({ ...rejection, index: piece.first + rejection.index });
    } catch (error) {
      if (!(error instanceof EpsilonError) || !isToBeCut(error)) throw error;
      if (piece.lines.length > 1) pieces.push(...halvesOf(piece.lines, piece.first));
      else rejected.push({ index: piece.first, code: error.code, message: error.message });
    }
  }
  return rejected;
}

interface Piece {
  readonly lines: readonly Uint8Array[];
  readonly first: number;
}

/** Two pieces, the latter first, so that the former is taken from the end. */
function halvesOf(lines: readonly Uint8Array[], first: number): Piece[] {
  const middle = Math.ceil(lines.length / 2);
  const halves = [
    { lines: lines.slice(middle), first: first + middle },
    { lines: lines.slice(0, middle), first },
  ];
  return halves.filter((piece) => piece.lines.length > 0);
}

function joined(lines: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(lines.reduce((sum, line) => sum + line.length + 1, 0));
  let at = 0;
  for (const line of lines) {
    bytes.set(line, at);
    at += line.length;
    bytes[at] = 10;
    at += 1;
  }
  return bytes;
}
