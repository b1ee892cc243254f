/** The SQL that keeps what sources have reached: cursors, gaps, totals, and the bounded list of conflicts. */

import { assert, must, parseCursor } from "@epsilon/model";
import { quoteString } from "@epsilon/query";
import type { FrameOutcome } from "../core/tables.ts";
import type { EventsFrame } from "./batch.ts";

/** Conflicts that a collection's list keeps. */
const conflictsKept = 1000;

/** What a group's frames do to the books. */
export function bookkeepingSql(frames: readonly EventsFrame[], outcomes: readonly FrameOutcome[]): string {
  const statements = frames.flatMap((frame, index) =>
    frame.header.claim === undefined ? [] : [claimSql(frame, must(outcomes[index], "an outcome a frame"))],
  );
  if (outcomes.some(({ conflicts }) => conflicts.length > 0)) {
    statements.push(
      `DELETE FROM epsilon.conflicts WHERE rowid NOT IN (SELECT row FROM (SELECT rowid AS row, row_number() OVER (PARTITION BY collection ORDER BY sequence DESC, rowid DESC) AS age FROM epsilon.conflicts) WHERE age <= ${conflictsKept});`,
    );
  }
  return statements.join("\n");
}

function claimSql(frame: EventsFrame, outcome: FrameOutcome): string {
  const { collection, claim, received, rejected, at } = frame.header;
  assert(claim !== undefined, "a claim is there");
  const cursor = parseCursor(claim.cursor);
  const [of, source, stream] = [
    quoteString(collection),
    quoteString(claim.source),
    quoteString(cursor.stream),
  ];
  const where = `collection = ${of} AND source = ${source}`;
  const { gap } = claim;
  const totals = [
    received,
    outcome.stored,
    outcome.duplicates,
    rejected + outcome.setAside.length,
    outcome.conflicts.length,
  ];
  const names = ["received", "stored", "duplicates", "rejected", "conflicts"];
  return [
    `DELETE FROM epsilon.cursors WHERE ${where} AND stream = ${stream};`,
    `INSERT INTO epsilon.cursors VALUES (${of}, ${source}, ${stream}, ${quoteString(claim.cursor)}, ${at});`,
    ...(gap === undefined
      ? []
      : [
          `INSERT INTO epsilon.gaps VALUES (${of}, ${source}, ${stream}, ${gap.from ?? "NULL"}, ${gap.to}, ${quoteString(gap.reason)});`,
        ]),
    `INSERT INTO epsilon.sources SELECT ${of}, ${source}, 0, 0, 0, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM epsilon.sources WHERE ${where});`,
    `UPDATE epsilon.sources SET ${names.map((name, index) => `${name} = ${name} + ${totals[index]}`).join(", ")} WHERE ${where};`,
  ].join("\n");
}
