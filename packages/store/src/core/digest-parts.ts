/**
 * Digests of key ranges, cut into parts: what two instances compare to find out where they differ.
 *
 * Whole days are known without reading a row (the writing transaction keeps their digests), so a range is taken apart
 * into whole days and at most two days of which it has a part; only those are measured. A day that is too large for one
 * part is divided further.
 */

import {
  addDigests,
  assert,
  compareKeys,
  type Digest,
  EpsilonError,
  type EventKey,
  emptyDigest,
  formatDigest,
  must,
} from "@epsilon/model";
import type { DigestPart, DigestRequest, KeyRange } from "../comparing.ts";

/** A range whose digest is known. */
export interface Measured extends KeyRange {
  readonly digest: Digest;
}

/** The rows of one collection at one moment. */
export interface DigestReader {
  /** The digests of all UTC days that hold something, by day since 1970, in order. */
  readonly days: readonly { readonly day: number; readonly digest: Digest }[];
  measure(ranges: readonly KeyRange[]): Promise<readonly Digest[]>;
  /** Cuts a range with `count` events and tombstones into at most `pieces` of about equal count, in order. */
  divide(
    range: KeyRange,
    cut: { readonly count: number; readonly pieces: number },
  ): Promise<readonly Measured[]>;
}

const dayMicros = 86_400_000_000n;
export const firstId = "00000000-0000-0000-0000-000000000000";

/** Answers a request. Throws `bad_request` for a range that ends before it begins. */
export async function digestParts(
  request: DigestRequest,
  reader: DigestReader,
): Promise<readonly (readonly DigestPart[])[]> {
  for (const range of request.ranges) assertForward(range);
  const wanted = request.ranges.map((range) =>
    request.bounds === undefined ? [range] : cutAt(range, request.bounds),
  );
  const measured = await measureAll(wanted.flat(), reader);
  let at = 0;
  const answer: DigestPart[][] = [];
  for (const ranges of wanted) {
    const pieces = measured.slice(at, at + ranges.length);
    at += ranges.length;
    if (request.bounds !== undefined) {
      answer.push(pieces.map((own, index) => partOf(must(ranges[index]), sum(own))));
    } else {
      answer.push(await split(must(ranges[0]), must(pieces[0]), { parts: request.split, reader }));
    }
  }
  return answer;
}

/** Each range as pieces whose digests are known, in order; what lies between them is empty. */
async function measureAll(
  ranges: readonly KeyRange[],
  reader: DigestReader,
): Promise<readonly (readonly Measured[])[]> {
  const pieces = ranges.map((range) => takeApart(range, reader.days));
  const unknown = pieces.flat().filter(({ digest }) => digest === null);
  const digests = unknown.length === 0 ? [] : await reader.measure(unknown);
  const found = new Map(unknown.map((piece, index) => [piece, must(digests[index])]));
  return pieces.map((own) =>
    own.map((piece) => ({ from: piece.from, to: piece.to, digest: piece.digest ?? must(found.get(piece)) })),
  );
}

interface Piece extends KeyRange {
  readonly digest: Digest | null;
}

function takeApart(range: KeyRange, days: DigestReader["days"]): readonly Piece[] {
  const pieces: Piece[] = [];
  for (let index = firstDayOf(range, days); index < days.length; index++) {
    const { day, digest } = must(days[index]);
    const from = startOf(day);
    const to = startOf(day + 1);
    if (range.to !== null && compareKeys(from, range.to) >= 0) break;
    const begins = range.from === null || compareKeys(range.from, from) <= 0;
    const ends = range.to === null || compareKeys(to, range.to) <= 0;
    if (begins && ends) pieces.push({ from, to, digest });
    else pieces.push({ from: begins ? from : range.from, to: ends ? to : range.to, digest: null });
  }
  return pieces;
}

/** The first day that ends after the range begins: by halving, as there may be many ranges and many days. */
function firstDayOf(range: KeyRange, days: DigestReader["days"]): number {
  if (range.from === null) return 0;
  let low = 0;
  let high = days.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(startOf(must(days[middle]).day + 1), range.from) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function split(
  range: KeyRange,
  pieces: readonly Measured[],
  { parts, reader }: { readonly parts: number; readonly reader: DigestReader },
): Promise<DigestPart[]> {
  const total = sum(pieces);
  if (parts <= 1 || total.count <= 1) return [partOf(range, total)];
  const target = total.count / parts;
  const atoms: Measured[] = [];
  for (const piece of pieces) {
    const { count } = piece.digest;
    if (count <= target || count <= 1) atoms.push(piece);
    // Twice as fine as is needed, so that the parts come out about equal wherever the others ended.
    else atoms.push(...(await reader.divide(piece, { count, pieces: 2 * Math.ceil(count / target) })));
  }
  return unite(range, atoms, { parts, count: total.count });
}

/** Neighbours into at most `parts` parts: a part ends where its share of the count is reached. */
function unite(
  range: KeyRange,
  atoms: readonly Measured[],
  whole: { readonly parts: number; readonly count: number },
): DigestPart[] {
  const groups: Measured[][] = [];
  let before = 0;
  let current = -1;
  for (const atom of atoms) {
    if (atom.digest.count === 0) continue;
    // By its middle, so that a large one does not begin a part that it does not fill.
    const part = Math.floor(((before + atom.digest.count / 2) * whole.parts) / whole.count);
    if (part !== current) groups.push([]);
    current = part;
    must(groups[groups.length - 1]).push(atom);
    before += atom.digest.count;
  }
  return groups.map((group, index) => {
    const from = index === 0 ? range.from : must(group[0]).from;
    const next = groups[index + 1];
    return partOf({ from, to: next === undefined ? range.to : must(next[0]).from }, sum(group));
  });
}

function cutAt(range: KeyRange, bounds: readonly EventKey[]): readonly KeyRange[] {
  const inside = bounds
    .filter(
      (bound) =>
        (range.from === null || compareKeys(range.from, bound) < 0) &&
        (range.to === null || compareKeys(bound, range.to) < 0),
    )
    .sort(compareKeys)
    .filter((bound, index, all) => index === 0 || compareKeys(must(all[index - 1]), bound) !== 0);
  const cuts = [range.from, ...inside, range.to];
  return cuts.slice(1).map((to, index) => ({ from: cuts[index] ?? null, to }));
}

function startOf(day: number): EventKey {
  return { tsMicros: BigInt(day) * dayMicros, id: firstId };
}

function sum(pieces: readonly Measured[]): Digest {
  return pieces.reduce((total, { digest }) => addDigests(total, digest), emptyDigest);
}

function partOf({ from, to }: KeyRange, digest: Digest): DigestPart {
  assert(digest.count >= 0, "a part holds no less than nothing");
  return { from, to, count: digest.count, digest: formatDigest(digest) };
}

function assertForward({ from, to }: KeyRange): void {
  if (from === null || to === null || compareKeys(from, to) <= 0) return;
  throw new EpsilonError("bad_request", "a range's from comes before its to, and it does not hold its to");
}
