/** How a spool's part takes the cursors of an instance, wherever it is kept. */

import type { Env } from "@epsilon/env";
import { type Cursor, EpsilonError } from "@epsilon/model";
import type { ResumePoint } from "../sources/source.ts";
import type { Place } from "./place.ts";

/** What is asked of a part. */
export interface PartLife {
  /** Which life it is now. */
  stream(): string;
  /** The last durable place. */
  end(): Place;
  /** The oldest place that is still held. */
  start(): Promise<Place>;
  /** The check at a position that is a place of the part and is held; undefined if it is not. */
  checkAt(position: number): Promise<string | undefined>;
  /** Begins a new stream, because instances know this one further or otherwise than it is. */
  restream(foreign: Cursor): Promise<void>;
}

/** See `Source.resume`. */
export async function resumePart(life: PartLife, standing: readonly Cursor[]): Promise<ResumePoint> {
  const start = await life.start();
  const mine = standing.find(({ stream }) => stream === life.stream());
  if (mine === undefined) return fromStart(life.stream(), start);
  if (mine.position < start.position)
    return {
      after: { stream: life.stream(), ...start },
      gap: { from: mine.position, to: start.position, reason: trimmedReason },
    };
  if (mine.position <= life.end().position && (await life.checkAt(mine.position)) === mine.check)
    return { after: mine, gap: null };
  // Another life than this one: a copy of it went on, or this one lost its tail.
  await life.restream(mine);
  return fromStart(life.stream(), await life.start());
}

function fromStart(stream: string, start: Place): ResumePoint {
  if (start.position === 0) return { after: null, gap: null };
  return {
    after: { stream, ...start },
    gap: { from: null, to: start.position, reason: trimmedReason },
  };
}

const trimmedReason = "trimmed from the spool";

/** A name that no other life of any part has. */
export function drawStream(env: Env): string {
  return [...env.random.bytes(12)].map((byte) => byte.toString(36).padStart(2, "0")).join("");
}

/** What a reader of the old stream is told. */
export function restreamed(source: string): EpsilonError {
  return new EpsilonError(
    "cursor_mismatch",
    `${source} began a new stream: ask the instance for its cursor again`,
  );
}

/** Tells whoever watches that a part began a new stream. */
export function reportRestreamed(
  env: Env,
  details: {
    readonly source: string;
    readonly collection: string;
    readonly old: string;
    readonly new: string;
    readonly foreign: Cursor;
  },
): void {
  env.report({ level: "warn", event: "spool_restreamed", details });
}
