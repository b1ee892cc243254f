/** Sending batches to one instance, in a size that suits it, and hearing of every event that it rejects. */

import { type Cursor, EpsilonError } from "@epsilon/model";
import type { Rejection, WriteAnswer } from "../http/answers.ts";
import { isTimeLimit } from "../http/time-limit.ts";
import type { Source, SourceChunk } from "../sources/source.ts";
import { isToBeCut, isTooLarge, mayBeStored } from "./backoff.ts";
import { type Batch, bodyOf, claimOf, isSamePlace } from "./batch.ts";
import type { InstanceLink } from "./link.ts";
import { type BatchSize, Pace } from "./pace.ts";
import { writeInPieces } from "./pieces.ts";
import { findRejected, type RejectedBySource } from "./rejected.ts";

export type OnRejected = (rejected: RejectedBySource) => Promise<void> | void;

/** Requests whose answers were lost are remembered up to this many. */
const unansweredMax = 16;

export class Sender {
  readonly #link: InstanceLink;
  readonly #source: Source;
  readonly #onRejected: OnRejected;
  readonly #pace = new Pace();
  /** What may be stored without our having heard what was rejected of it. */
  #unanswered: readonly Batch[] = [];
  #rejected = 0;

  constructor(link: InstanceLink, source: Source, onRejected: OnRejected) {
    this.#link = link;
    this.#source = source;
    this.#onRejected = onRejected;
  }

  /** What the next batch should hold. */
  get size(): BatchSize {
    return this.#pace.size;
  }

  /** How many events the instance rejected, each told to `onRejected`. */
  get rejected(): number {
    return this.#rejected;
  }

  /** Another run of the instance may have other limits. */
  forgetLimits(): void {
    this.#pace.forgetLimits();
  }

  /** The batch that is stored by what the instance says of itself, but was not answered: to be sent once more. */
  findUnanswered(standing: readonly Cursor[]): Batch | undefined {
    return this.#unanswered.find(({ cursor }) => standing.some((at) => isSamePlace(at, cursor)));
  }

  /** Sends a batch, and waits as long as is said. Answers null if it must be cut smaller. */
  async deliver(batch: Batch, wait: "durable" | "applied"): Promise<WriteAnswer | null> {
    const before = this.#unanswered;
    const isKnown = before.some((known) => isSamePlace(known.cursor, batch.cursor));
    if (!isKnown) this.#unanswered = [...before, batch].slice(-unansweredMax);
    const answer = await this.#send(batch, wait).catch((error: unknown) => {
      if (!mayBeStored(error)) this.#unanswered = before;
      if (isTimeLimit(error)) this.#pace.timedOut(batch.bytes);
      throw error;
    });
    if (answer === null) {
      this.#unanswered = before.filter(({ cursor }) => !isSamePlace(cursor, batch.cursor));
      return null;
    }
    await this.#tell(batch.chunks, answer.rejected);
    this.#unanswered = [];
    this.#pace.answered(batch.bytes, this.#link.lastAnswerMs ?? 0);
    return answer;
  }

  async #send(batch: Batch, wait: "durable" | "applied"): Promise<WriteAnswer | null> {
    const body = bodyOf(batch);
    const claim = claimOf(batch, this.#source.name);
    try {
      return await this.#link.write(body, claim, wait);
    } catch (error) {
      if (!isToBeCut(error) || batch.chunks.length === 0) throw error;
      const isTooMany = error instanceof EpsilonError && error.code === "too_many_events";
      if (isTooMany) this.#pace.tooManyEvents(batch.events);
      else if (isTooLarge(error)) this.#pace.tooManyBytes(batch.bytes);
      else this.#pace.spoiled(batch.bytes);
      if (batch.chunks.length > 1) return null;
    }
    const rejected = await writeInPieces(body, (piece) => this.#link.write(piece));
    // Told before the cursor moves, so that none is lost.
    await this.#tell(batch.chunks, rejected);
    return this.#link.write(new Uint8Array(0), claim);
  }

  async #tell(chunks: readonly SourceChunk[], rejections: readonly Rejection[]): Promise<void> {
    const { name: source, collection } = this.#source;
    for (const { rejection, cursor, line, lineNumber } of findRejected(chunks, rejections)) {
      const { code, message } = rejection;
      const at = lineNumber === undefined ? {} : { lineNumber };
      const what = { source, collection, cursor, line, ...at, code, message };
      await this.#onRejected({ instance: this.#link.url, ...what });
      this.#rejected += 1;
    }
  }
}
