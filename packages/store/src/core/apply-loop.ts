/**
 * The loop between the log and the tables: it takes all frames that wait and applies them as one group.
 *
 *   idle --frame--> lingering --(somebody waits | enough bytes | linger over)--> applying --done--> idle
 *                                                                              \--fatal--> failed
 *
 * Nobody waits: the loop lingers, because one large group costs far less than many small ones. A reader or a plain
 * write waits: it goes at once. An operating error (a full disk, no memory) is retried with backoff: the frames are
 * durable, nothing is lost by waiting. Anything else fails the store: crash, and recover from the log.
 */

import type { Env } from "@epsilon/env";
import { assert, EpsilonError } from "@epsilon/model";
import type { LoggedFrame } from "./frames.ts";
import type { FrameOutcome, Tables } from "./tables.ts";

export interface ApplyLimits {
  readonly groupBytesMax: number;
  readonly groupEventsMax: number;
  /** How long frames for which nobody waits may gather. */
  readonly lingerMs: number;
  /** From this many bytes on there is nothing to gain from lingering. */
  readonly lingerBytesMax: number;
}

interface Waiting {
  readonly frame: LoggedFrame;
  readonly settle: (outcome: FrameOutcome) => void;
  readonly fail: (error: EpsilonError) => void;
}

interface Barrier {
  readonly offset: number;
  readonly resolve: () => void;
  readonly reject: (error: EpsilonError) => void;
}

const retryMsMin = 100;
const retryMsMax = 5_000;

export class ApplyLoop {
  readonly #env: Env;
  readonly #tables: Tables;
  readonly #limits: ApplyLimits;
  readonly #onApplied: (frames: readonly LoggedFrame[]) => Promise<void>;
  readonly #queue: Waiting[] = [];
  readonly #barriers: Barrier[] = [];
  #queuedBytes = 0;
  #applied: number;
  #hurry = false;
  #wake: AbortController | null = null;
  #running: Promise<void> | null = null;
  #failure: EpsilonError | null = null;
  #stalled: EpsilonError | null = null;
  #closing = false;
  groups = 0;
  lastGroupMs = 0;

  constructor(
    env: Env,
    tables: Tables,
    options: {
      readonly limits: ApplyLimits;
      readonly appliedOffset: number;
      readonly onApplied: (frames: readonly LoggedFrame[]) => Promise<void>;
    },
  ) {
    this.#env = env;
    this.#tables = tables;
    this.#limits = options.limits;
    this.#applied = options.appliedOffset;
    this.#onApplied = options.onApplied;
  }

  /** The log offset up to which everything is applied. */
  get appliedOffset(): number {
    return this.#applied;
  }

  /** Why groups cannot be applied at the moment, if so (a full disk). */
  get stalled(): EpsilonError | null {
    return this.#stalled;
  }

  get waitingEvents(): number {
    let events = 0;
    for (const { frame } of this.#queue) if (frame.header.kind === "events") events += frame.header.lines;
    return events;
  }

  /** Takes a durable frame. Frames come in the order of the log. The promise settles when it is applied. */
  push(frame: LoggedFrame): Promise<FrameOutcome> {
    const outcome = new Promise<FrameOutcome>((settle, fail) => {
      if (this.#failure !== null) fail(this.#failure);
      else this.#queue.push({ frame, settle, fail });
    });
    outcome.catch(() => {});
    this.#queuedBytes += frame.payload.length;
    if (this.#queuedBytes >= this.#limits.lingerBytesMax) this.#wake?.abort();
    this.#start();
    return outcome;
  }

  /** Somebody waits for what is queued: no lingering for the next group. */
  hurry(): void {
    if (this.#queue.length === 0) return;
    this.#hurry = true;
    this.#wake?.abort();
  }

  /** Settles when everything before `offset` is applied. */
  waitFor(offset: number): Promise<void> {
    if (this.#applied >= offset) return Promise.resolve();
    if (this.#failure !== null) return Promise.reject(this.#failure);
    this.#hurry = true;
    this.#wake?.abort();
    return new Promise((resolve, reject) => this.#barriers.push({ offset, resolve, reject }));
  }

  /** Applies what is queued and stops. What cannot be applied now is applied from the log at the next start. */
  async drain(): Promise<void> {
    this.#closing = true;
    this.#wake?.abort();
    while (this.#running !== null) await this.#running;
  }

  #start(): void {
    if (this.#running !== null || this.#failure !== null || this.#queue.length === 0) return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
      this.#start();
    });
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 && this.#failure === null) {
      await this.#linger();
      this.#hurry = this.#barriers.length > 0;
      const group = this.#takeGroup();
      try {
        await this.#applyGroup(group);
      } catch (error) {
        this.#fail(error, group);
      }
    }
  }

  async #linger(): Promise<void> {
    if (
      this.#closing ||
      this.#hurry ||
      this.#queuedBytes >= this.#limits.lingerBytesMax ||
      this.#limits.lingerMs === 0
    )
      return;
    const wake = new AbortController();
    this.#wake = wake;
    try {
      await this.#env.clock.sleep(this.#limits.lingerMs, wake.signal);
    } catch (error) {
      // Woken early; that is what the signal is for.
      if (!wake.signal.aborted) throw error;
    } finally {
      this.#wake = null;
    }
  }

  #takeGroup(): readonly Waiting[] {
    let bytes = 0;
    let events = 0;
    let count = 0;
    for (const { frame } of this.#queue) {
      // What removes is a group of its own: a transaction then either loads or removes.
      if (frame.header.kind !== "events") {
        if (count === 0) count = 1;
        break;
      }
      const { lines } = frame.header;
      const full =
        bytes + frame.payload.length > this.#limits.groupBytesMax ||
        events + lines > this.#limits.groupEventsMax;
      if (count > 0 && full) break;
      bytes += frame.payload.length;
      events += lines;
      count += 1;
    }
    this.#queuedBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  async #applyGroup(group: readonly Waiting[]): Promise<void> {
    const frames = group.map((waiting) => waiting.frame);
    const startedMs = this.#env.clock.elapsedMs();
    const outcomes = await this.#applyWithRetry(frames);
    this.lastGroupMs = this.#env.clock.elapsedMs() - startedMs;
    this.groups += 1;
    const last = frames[frames.length - 1];
    assert(
      last !== undefined && outcomes.length === frames.length,
      "a group has frames and an outcome for each",
    );
    this.#applied = last.end;
    await this.#onApplied(frames);
    for (const [index, waiting] of group.entries()) {
      const outcome = outcomes[index];
      assert(outcome !== undefined, "an outcome a frame");
      waiting.settle(outcome);
    }
    this.#releaseBarriers();
  }

  async #applyWithRetry(frames: readonly LoggedFrame[]): Promise<readonly FrameOutcome[]> {
    for (let waitMs = retryMsMin; ; waitMs = Math.min(waitMs * 2, retryMsMax)) {
      try {
        const outcomes = await this.#tables.apply(frames);
        this.#stalled = null;
        return outcomes;
      } catch (error) {
        if (this.#closing || !(error instanceof EpsilonError) || !isPassing(error)) throw error;
        this.#stalled = error;
        this.#env.report({
          level: "error",
          event: "apply_stalled",
          details: { code: error.code, message: error.message, retryMs: waitMs },
        });
        await this.#env.clock.sleep(waitMs);
      }
    }
  }

  #releaseBarriers(): void {
    const still = this.#barriers.filter((barrier) => barrier.offset > this.#applied);
    for (const barrier of this.#barriers) if (barrier.offset <= this.#applied) barrier.resolve();
    this.#barriers.length = 0;
    this.#barriers.push(...still);
    if (still.length > 0) this.#hurry = true;
  }

  #fail(cause: unknown, group: readonly Waiting[]): void {
    const failure = new EpsilonError(
      "store_failed",
      `a group could not be applied: ${messageOf(cause)}; restart`,
      { cause },
    );
    this.#failure = failure;
    this.#env.report({ level: "error", event: "store_failed", details: { message: failure.message } });
    for (const waiting of [...group, ...this.#queue]) waiting.fail(failure);
    for (const barrier of this.#barriers) barrier.reject(failure);
    this.#queue.length = 0;
    this.#barriers.length = 0;
  }

  /** What ended the loop, if something did. */
  get failure(): EpsilonError | null {
    return this.#failure;
  }
}

function isPassing(error: EpsilonError): boolean {
  return error.code === "disk_full" || error.code === "query_out_of_memory";
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
