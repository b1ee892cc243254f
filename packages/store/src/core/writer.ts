/**
 * The write path: prepare, decide, append, and what follows once a frame is durable.
 *
 * A frame is appended in one synchronous step after the last check; everything that follows from it hangs on its
 * `durable` promise, in the order of the log. Between awaits there is no half-made state.
 */

import type { Env } from "@epsilon/env";
import type { Log } from "@epsilon/log";
import { assert, EpsilonError, parseCollectionName, parseCursor } from "@epsilon/model";
import type { WriteAnswer, WriteRequest } from "../event-store.ts";
import { type Prepared, prepareInSlices } from "../prepare/prepare.ts";
import type { ApplyLoop } from "./apply-loop.ts";
import type { Backpressure } from "./backpressure.ts";
import { encodeHeader, type FrameHeader, type LoggedFrame } from "./frames.ts";
import type { Ledger } from "./ledger.ts";
import type { NewKeys } from "./new-keys.ts";
import type { FrameOutcome } from "./tables.ts";
import { type CursorStanding, eventsHeader, repeatAnswer, writeAnswer } from "./write-answer.ts";

export interface WriterParts {
  readonly log: Log;
  readonly ledger: Ledger;
  readonly loop: ApplyLoop;
  readonly pressure: Backpressure;
  readonly newKeys: NewKeys;
  /** Throws unless the store takes requests. */
  readonly assertOpen: () => void;
  /** A durable write or an apply failed for good. */
  readonly failed: (error: unknown) => void;
}

/** A frame on its way: `durable` and `applied` settle in the order of the log. */
export interface Underway {
  readonly durable: Promise<Durable>;
  readonly applied: Promise<FrameOutcome>;
}

/** A frame that is in the log. */
interface Durable {
  /** What will become of it, if that is plain already (new-keys.ts). */
  readonly foreseen: FrameOutcome | null;
  readonly outcome: Promise<FrameOutcome>;
}

/** Sums since the start. */
export interface WriteTotals {
  readonly received: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly conflicts: number;
}

export class Writer {
  readonly #env: Env;
  readonly #log: Log;
  readonly #ledger: Ledger;
  readonly #loop: ApplyLoop;
  readonly #pressure: Backpressure;
  readonly #newKeys: NewKeys;
  readonly #assertOpen: () => void;
  readonly #failed: (error: unknown) => void;
  /** A drop or forget that is appended and not yet durable: claims wait for it. */
  readonly #removals = new Map<string, Promise<unknown>>();
  readonly #totals = { received: 0, stored: 0, duplicates: 0, rejected: 0, conflicts: 0 };

  constructor(env: Env, parts: WriterParts) {
    this.#env = env;
    this.#log = parts.log;
    this.#ledger = parts.ledger;
    this.#loop = parts.loop;
    this.#pressure = parts.pressure;
    this.#newKeys = parts.newKeys;
    this.#assertOpen = parts.assertOpen;
    this.#failed = parts.failed;
  }

  get totals(): WriteTotals {
    return this.#totals;
  }

  async write(request: WriteRequest): Promise<WriteAnswer> {
    this.#assertOpen();
    parseCollectionName(request.collection);
    await this.#pressure.admit(this.#loop.stalled);
    this.#assertCanBeApplied(request);
    const { prepared, underway } =
      request.claim === undefined ? await this.#writePlain(request) : await this.#writeClaimed(request);
    this.#totals.received += prepared.received;
    this.#totals.rejected += prepared.rejected.length;
    if (underway === null)
      return repeatAnswer(prepared, { standing: this.#standingOf(request), wait: request.wait });
    const { foreseen } = await underway.durable;
    const standing = this.#standingOf(request);
    if (request.wait === "durable") return writeAnswer(prepared, null, standing);
    // Whoever asks from now on waits for the tables, so it can be queried. Not so if they cannot go on.
    if (foreseen !== null && this.#loop.stalled === null) return writeAnswer(prepared, foreseen, standing);
    this.#loop.hurry();
    return writeAnswer(prepared, await underway.applied, standing);
  }

  #standingOf({ collection, claim }: WriteRequest): CursorStanding {
    if (claim === undefined) return { cursor: null, snapshotted: null };
    const { source, cursor } = claim;
    const { stream } = parseCursor(cursor);
    return { cursor, snapshotted: this.#ledger.findSnapshotted(collection, source, stream) };
  }

  /** Who waits for the tables would wait until somebody makes room. Refused before it is logged: nothing is stored. */
  #assertCanBeApplied({ wait }: WriteRequest): void {
    const { stalled } = this.#loop;
    if (wait === "applied" && stalled?.code === "disk_full") throw stalled;
  }

  async #writePlain(request: WriteRequest): Promise<{ prepared: Prepared; underway: Underway | null }> {
    const prepared = await this.#prepare(request);
    if (prepared.accepted === 0) return { prepared, underway: null };
    return { prepared, underway: this.#appendEvents(request, prepared) };
  }

  /** Holds its stream's turn from the decision until the frame is durable, see ledger.ts. */
  async #writeClaimed(request: WriteRequest): Promise<{ prepared: Prepared; underway: Underway | null }> {
    const { collection, claim } = request;
    assert(claim !== undefined, "a claimed write has a claim");
    const leave = await this.#ledger.enter(collection, claim);
    try {
      for (;;) {
        await this.#removals.get(collection);
        const epoch = this.#ledger.epoch(collection);
        const decision = this.#ledger.decide(collection, claim);
        const prepared = await this.#prepare(request);
        if (this.#ledger.epoch(collection) !== epoch) continue;
        if (decision.kind === "repeat") return { prepared, underway: null };
        const underway = this.#appendEvents(request, prepared);
        await underway.durable;
        return { prepared, underway };
      }
    } finally {
      leave();
    }
  }

  async #prepare(request: WriteRequest): Promise<Prepared> {
    const slices = prepareInSlices(request.body, {
      nowMicros: this.#env.clock.nowMicros(),
      random: (count) => this.#env.random.bytes(count),
      appendOnly: request.appendOnly,
      named: request.claim !== undefined,
      horizonMicros: this.#ledger.horizonMicros(request.collection),
      hashesIds: request.wait === "applied",
    });
    for (;;) {
      const step = slices.next();
      if (step.done === true) return step.value;
      // A large body must not keep others from being served.
      await this.#env.clock.sleep(0);
    }
  }

  #appendEvents(request: WriteRequest, prepared: Prepared): Underway {
    const at = this.#env.clock.nowMicros();
    return this.append(eventsHeader(request, prepared, at), prepared.lines, prepared.idHashes);
  }

  /** Appends a frame. */
  append(header: FrameHeader, payload: Uint8Array, idHashes: Float64Array | null = null): Underway {
    this.#assertOpen();
    const appended = this.#log.append(encodeHeader(header), payload.length === 0 ? [] : [payload]);
    this.#pressure.add(payload.length);
    const frame = { start: appended.start, end: appended.end, header, payload };
    const durable = appended.durable.then(
      () => this.takeDurable(frame, idHashes),
      (error: unknown) => {
        this.#pressure.remove(payload.length);
        if (error instanceof EpsilonError && error.code === "store_failed") this.#failed(error);
        throw error;
      },
    );
    const applied = durable.then(({ outcome }) => outcome);
    // A caller may wait for one of the two only.
    durable.catch(() => {});
    applied.catch(() => {});
    return { durable, applied };
  }

  /** A frame is durable: from here on its cursor counts, and the loop will apply it. */
  takeDurable(frame: LoggedFrame, idHashes: Float64Array | null): Durable {
    const { header } = frame;
    if (header.kind === "events") {
      this.#ledger.addCollection(header.collection);
      if (header.claim !== undefined) this.#ledger.advance(header.collection, header.claim, frame.start);
    } else if (header.kind === "horizon") {
      this.#ledger.raiseHorizon(header.collection, BigInt(header.horizonMicros));
    } else {
      this.#ledger.forget(header.collection, header.kind === "forget" ? header.source : undefined);
    }
    const isNew = this.#newKeys.take(frame, idHashes);
    const outcome = this.#loop.push(frame);
    outcome.then(
      (result) => this.#count(result),
      (error: unknown) => this.#failed(error),
    );
    const lines = header.kind === "events" ? header.lines : 0;
    return { foreseen: isNew ? allStored(lines) : null, outcome };
  }

  #count(outcome: FrameOutcome): void {
    this.#totals.stored += outcome.stored;
    this.#totals.duplicates += outcome.duplicates;
    this.#totals.conflicts += outcome.conflicts.length;
  }

  /** Appends a frame that takes cursors away, and waits until it is applied. */
  async remove(header: FrameHeader): Promise<void> {
    this.#ledger.bumpEpoch(header.collection);
    const underway = this.append(header, new Uint8Array(0));
    const settled = underway.durable.catch(() => {});
    this.#removals.set(header.collection, settled);
    await underway.durable;
    if (this.#removals.get(header.collection) === settled) this.#removals.delete(header.collection);
    this.#loop.hurry();
    await underway.applied;
  }

  /** Raises a horizon, durably. */
  async raiseHorizon(collection: string, horizonMicros: bigint): Promise<void> {
    const header = { kind: "horizon", collection, horizonMicros: String(horizonMicros) } as const;
    await this.append(header, new Uint8Array(0)).durable;
  }
}

function allStored(lines: number): FrameOutcome {
  return { stored: lines, duplicates: 0, conflicts: [], setAside: [] };
}
