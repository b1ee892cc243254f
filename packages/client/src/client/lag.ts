/** How much an instance lacks of a part of the spool, and how old that is. */

import type { Clock } from "@epsilon/env";
import type { ReplicatorState } from "../loop/state.ts";
import type { Part } from "../spool/spool.ts";

export interface LoopStatus extends ReplicatorState {
  /** About how many bytes of the spool the instance lacks. */
  readonly lagBytes: number;
  /** How long ago the oldest event that it lacks was written here, to about a second; 0 if it lacks none. */
  readonly lagMs: number;
}

interface Sample {
  readonly position: number;
  readonly atMs: number;
}

const sampleEveryMs = 1000;
/** Beyond it every other one goes: the older they are, the less a second matters. */
const samplesMax = 2000;

/** When each part of a spool had come how far, in samples a second apart. */
export class LagClock {
  readonly #clock: Clock;
  readonly #startMs: number;
  /** By stream, oldest first. */
  readonly #samples = new Map<string, Sample[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.elapsedMs();
  }

  /** A stream has come to a position now. */
  note(stream: string, position: number): void {
    const nowMs = this.#clock.elapsedMs();
    const samples = this.#samples.get(stream) ?? [];
    const last = samples.at(-1);
    if (last !== undefined && (position <= last.position || nowMs < last.atMs + sampleEveryMs)) return;
    samples.push({ position, atMs: nowMs });
    this.#samples.set(
      stream,
      samples.length <= samplesMax ? samples : samples.filter((_, index) => index % 2 === 1),
    );
  }

  /**
   * How long ago the oldest event behind a position was written, milliseconds, to about a second. What was there before
   * this process is as old as the process.
   */
  ageMs(stream: string, position: number): number {
    const next = this.#samples.get(stream)?.find((sample) => position < sample.position);
    return this.#clock.elapsedMs() - (next?.atMs ?? this.#startMs);
  }
}

/** A loop's state, with what the instance lacks of the part. */
export async function loopStatus(
  state: ReplicatorState,
  part: Part | undefined,
  clock: LagClock,
): Promise<LoopStatus> {
  const none = { ...state, lagBytes: 0, lagMs: 0 };
  if (part === undefined) return none;
  const start = await part.start();
  const at = state.cursor?.stream === part.stream ? state.cursor.position : start.position;
  const lacks = part.position - Math.max(at, start.position);
  if (lacks <= 0) return none;
  const lagBytes = Math.round((part.sizeBytes * lacks) / (part.position - start.position));
  return { ...state, lag: part.position - at, lagBytes, lagMs: clock.ageMs(part.stream, at) };
}
