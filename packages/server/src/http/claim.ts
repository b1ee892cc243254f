/** The headers with which a source says what a batch is: `Epsilon-Source`, `-After`, `-Cursor`, `-Gap`. */

import type { IncomingHttpHeaders } from "node:http";
import { EpsilonError, parseCursor, parseGap, parseSourceName } from "@epsilon/model";
import type { SourceClaim } from "@epsilon/store";

const names = ["epsilon-source", "epsilon-after", "epsilon-cursor", "epsilon-gap"] as const;

/** Whether any of the headers is there, right or wrong. */
export function hasClaim(headers: IncomingHttpHeaders): boolean {
  return names.some((name) => headers[name] !== undefined);
}

/**
 * The claim, or undefined for a plain write. Throws `bad_source`, `bad_cursor`, `bad_gap`.
 * What the instance stands at is for the store to compare.
 */
export function parseClaim(headers: IncomingHttpHeaders): SourceClaim | undefined {
  if (!hasClaim(headers)) return undefined;
  const source = header(headers, "epsilon-source");
  const after = header(headers, "epsilon-after");
  const cursor = header(headers, "epsilon-cursor");
  const gap = header(headers, "epsilon-gap");
  if (source === undefined) {
    throw new EpsilonError("bad_source", "Epsilon-After, -Cursor and -Gap go with an Epsilon-Source");
  }
  parseSourceName(source);
  if (cursor === undefined) {
    throw new EpsilonError("bad_cursor", "Epsilon-Cursor is missing: say where these events lead to");
  }
  const to = parseCursor(cursor);
  if (after === "*") {
    if (gap === undefined) {
      throw new EpsilonError(
        "bad_gap",
        "Epsilon-After: * goes with an Epsilon-Gap that says what is missing",
      );
    }
    return { source, after, cursor, gap: gapWithin(gap, to.position) };
  }
  if (gap !== undefined) {
    throw new EpsilonError("bad_gap", "Epsilon-Gap goes with Epsilon-After: *");
  }
  if (after === undefined) return { source, after: null, cursor };
  const from = parseCursor(after);
  if (from.stream !== to.stream || to.position <= from.position) {
    throw new EpsilonError(
      "bad_cursor",
      `Epsilon-Cursor ${cursor} does not lead further than Epsilon-After ${after} in the same stream`,
    );
  }
  return { source, after, cursor };
}

function gapWithin(text: string, position: number): NonNullable<SourceClaim["gap"]> {
  const gap = parseGap(text);
  if (gap.to <= position) return gap;
  throw new EpsilonError(
    "bad_gap",
    `Epsilon-Gap ends at ${gap.to}, beyond the position of Epsilon-Cursor, ${position}`,
  );
}

function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : undefined;
}
