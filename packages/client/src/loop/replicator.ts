/**
 * The loop that keeps one instance up with one source: ask where the instance stands, send what follows, batch after
 * batch. An instance that was down, one that was set back and a new one are the same case: an older cursor.
 * Loops share nothing but the source, so that a slow instance costs the others nothing.
 */

import type { Env } from "@epsilon/env";
import { AssertionError, type Cursor, EpsilonError } from "@epsilon/model";
import { orAborted } from "../http/time-limit.ts";
import type { Source } from "../sources/source.ts";
import { Backoff, isMismatch } from "./backoff.ts";
import { type Batch, isSamePlace } from "./batch.ts";
import { FreshSender } from "./fresh-sender.ts";
import { InstanceLink, parseOrNull } from "./link.ts";
import { Progress } from "./progress.ts";
import { ReadAhead } from "./read-ahead.ts";
import { type OnRejected, Sender } from "./sender.ts";
import type { Phase, ReplicatorState, SourceTotals } from "./state.ts";
import { waitForMore } from "./wait-for-more.ts";

export interface ReplicatorOptions {
  readonly source: Source;
  /** The instance's address. */
  readonly url: string;
  readonly token?: string | undefined;
  /**
   * Told of every event that the instance refuses, and waited for. If it rejects, the batch is sent again and told
   * again, so that nothing is lost; an event may thus be told twice.
   */
  readonly onRejected: OnRejected;
  /** Told when the instance's cursor, or what its snapshots hold, may have moved. */
  readonly onMove?: (() => void) | undefined;
  /** A request that is not answered within this is given up, milliseconds. */
  readonly answerLimitMs?: number | undefined;
  /** A lag from which on what is written now goes ahead of the backlog, in the source's positions. */
  readonly freshLagMin?: number | undefined;
  /** With nothing to send, the instance is asked again after this, milliseconds. */
  readonly idleAskMs?: number | undefined;
}

const freshLagMinDefault = 20_000;
/** Beside fresh events every so manieth batch waits until it is applied: enough to bound what waits, and to be about as fast. */
const appliedEvery = 4;
const answerLimitMsDefault = 30_000;
const idleAskMsDefault = 10_000;
/** A source that says there is more and has nothing is not asked again at once. */
const vainWakeMs = 1000;

export class Replicator {
  readonly #env: Env;
  readonly #options: ReplicatorOptions;
  readonly #source: Source;
  readonly #link: InstanceLink;
  readonly #sender: Sender;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  readonly #progress = new Progress();
  #done: Promise<void> | undefined;
  #phase: Phase = "asking";
  #reader: ReadAhead | undefined;
  #wasWoken = false;
  /** The end of the source, as it was seen last. */
  #end: Cursor | null = null;
  #snapshotted = new Map<string, Cursor | null>();
  #fresh: FreshSender | undefined;
  #freshEvents = 0;
  #turn = 0;
  #lastError: ReplicatorState["lastError"] = null;
  #retryAtMs: number | null = null;
  #totals: SourceTotals | null = null;
  #totalsBefore: SourceTotals | null = null;
  #counts = { retries: 0, mismatches: 0, deliveredEvents: 0, deliveredBytes: 0 };

  /** Throws `bad_request` for what is no address. Does nothing before `start`. */
  constructor(env: Env, options: ReplicatorOptions) {
    this.#env = env;
    this.#options = options;
    this.#source = options.source;
    this.#backoff = new Backoff(env);
    this.#link = new InstanceLink(env, {
      url: options.url,
      token: options.token,
      source: options.source.name,
      collection: options.source.collection,
      answerLimitMs: options.answerLimitMs ?? answerLimitMsDefault,
      signal: this.#stop.signal,
      onOther: () => this.#sender.forgetLimits(),
    });
    this.#sender = new Sender(this.#link, options.source, options.onRejected);
  }

  get state(): ReplicatorState {
    const { current } = this.#progress;
    return {
      url: this.#link.url,
      source: this.#source.name,
      collection: this.#source.collection,
      phase: this.#phase,
      instanceId: this.#link.instance?.id ?? null,
      incarnation: this.#link.instance?.incarnation ?? null,
      cursor: current,
      snapshotted: current === null ? null : (this.#snapshotted.get(current.stream) ?? null),
      lag: lagOf(current, this.#end),
      lastError: this.#lastError,
      retryAtMs: this.#retryAtMs,
      lastAnswerMs: this.#link.lastAnswerMs,
      totals: this.#totals,
      totalsBefore: this.#totalsBefore,
      rejected: this.#sender.rejected,
      freshEvents: this.#freshEvents + (this.#fresh?.events ?? 0),
      ...this.#counts,
    };
  }

  /** Settles when the loop has ended: after `stop`. Rejects only for a bug. */
  start(): Promise<void> {
    this.#done ??= this.#run();
    return this.#done;
  }

  /** Ends the loop at once; what is in flight is aborted, which harms nothing. */
  async stop(): Promise<void> {
    this.#stop.abort(new EpsilonError("closed", `the loop to ${this.#link.url} was stopped`));
    if (this.#done === undefined) this.#finish();
    await this.#done;
  }

  /**
   * Settles when the instance durably stands at a cursor or beyond it in the same stream. Rejects with the signal's
   * reason, with `cursor_mismatch` if the source began a new stream before that, with `closed` when the loop ends.
   */
  waitFor(cursor: Cursor, signal?: AbortSignal): Promise<void> {
    return this.#progress.waitFor(cursor, signal);
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stop.signal.aborted) {
        try {
          await this.#keepUp();
        } catch (error) {
          if (this.#isStopped()) break;
          if (error instanceof AssertionError) throw error;
          await this.#pause(error);
        }
      }
    } finally {
      this.#finish();
    }
  }

  #finish(): void {
    this.#phase = "stopped";
    this.#retryAtMs = null;
    this.#reader?.close();
    this.#progress.end(this.#stop.signal.reason);
  }

  // Behind a function, because the compiler takes a signal that was looked at for one that does not change.
  #isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Asks once, then sends until the instance is to be asked again. */
  async #keepUp(): Promise<void> {
    // Also where nobody answers: how far an instance is behind is known of our own.
    this.#end = await orAborted(this.#source.end(), this.#stop.signal);
    const standing = await this.#ask();
    const asked = this.#link.instance;
    await this.#hearOut(standing);
    const reader = await this.#readFrom(standing);
    this.#startFresh(reader);
    try {
      await this.#sendOn(reader, asked);
    } finally {
      this.#stopFresh();
    }
  }

  async #sendOn(reader: ReadAhead, asked: InstanceLink["instance"]): Promise<void> {
    while (this.#link.instance === asked) {
      const batch = await this.#take(reader);
      if (batch === null) {
        if (await this.#isToAskAgain(reader)) return;
        continue;
      }
      this.#wasWoken = false;
      reader.readOn(batch, this.#sender.size);
      if (await this.#deliver(batch)) reader.sent(batch.cursor);
      // The loop is where this is: nothing is ahead of it any more.
      if (this.#fresh !== undefined && this.#fresh.at.position <= batch.cursor.position) this.#stopFresh();
    }
  }

  /** With a long way to go, what is written now is posted ahead. */
  #startFresh(reader: ReadAhead): void {
    const end = this.#end;
    const lag = lagOf(reader.after, end);
    const { freshLagMin = freshLagMinDefault } = this.#options;
    if (this.#source.isLive !== true || end === null || lag === null || lag < freshLagMin) return;
    this.#fresh = new FreshSender(this.#env, {
      source: this.#source,
      from: end,
      post: (body) => this.#link.write(body),
      signal: this.#stop.signal,
    });
    this.#fresh.run().catch((error: unknown) => this.#stop.abort(error));
  }

  #stopFresh(): void {
    this.#freshEvents += this.#fresh?.events ?? 0;
    this.#fresh?.stop();
    this.#fresh = undefined;
  }

  async #ask(): Promise<readonly Cursor[]> {
    this.#phase = "asking";
    const { cursors, snapshotted, totals } = await this.#link.ask();
    this.#snapshotted = new Map(snapshotted);
    this.#totals = totals;
    this.#totalsBefore ??= totals;
    this.#progress.standsAt(cursors);
    return cursors;
  }

  /** What was stored and not answered is sent once more: the instance then says again what it rejected. */
  async #hearOut(standing: readonly Cursor[]): Promise<void> {
    const stored = this.#sender.findUnanswered(standing);
    if (stored === undefined) return;
    const reader = this.#reader;
    const isNext = reader !== undefined && isSamePlace(reader.after, stored.after);
    if ((await this.#deliver(stored)) && isNext) reader.sent(stored.cursor);
  }

  async #readFrom(standing: readonly Cursor[]): Promise<ReadAhead> {
    const before = this.#reader;
    // What was read ahead is still what follows.
    const goesOn = before?.hasGap === false && standing.some((at) => isSamePlace(at, before.after));
    if (goesOn) this.#progress.resumes(before.after);
    const reader = goesOn ? before : await this.#resume(standing);
    await this.#lookAtEnd();
    this.#options.onMove?.();
    return reader;
  }

  async #resume(standing: readonly Cursor[]): Promise<ReadAhead> {
    this.#dropReader();
    const from = await orAborted(this.#source.resume(standing), this.#stop.signal);
    // Behind a gap the instance stands where it said, until the gap is recorded.
    const own = standing.find(({ stream }) => stream === from.after?.stream) ?? null;
    this.#progress.resumes(from.gap === null ? from.after : own);
    const reader = new ReadAhead(this.#source, from);
    this.#reader = reader;
    return reader;
  }

  async #take(reader: ReadAhead): Promise<Batch | null> {
    try {
      return await orAborted(reader.take(this.#sender.size), this.#stop.signal);
    } catch (error) {
      this.#dropReader();
      throw error;
    }
  }

  /** Sends a batch; answers whether it is stored. If not, it is to be cut smaller. */
  async #deliver(batch: Batch): Promise<boolean> {
    this.#phase = "sending";
    // What waits to be applied there, a question waits for too: with fresh events on the way it is kept short.
    this.#turn += 1;
    const isToBeApplied = this.#fresh !== undefined && this.#turn % appliedEvery === 0;
    const answer = await this.#sender.deliver(batch, isToBeApplied ? "applied" : "durable");
    if (answer === null) return false;
    this.#counts.deliveredEvents += batch.events;
    this.#counts.deliveredBytes += batch.bytes;
    this.#snapshotted.set(batch.cursor.stream, parseOrNull(answer.snapshotted));
    this.#progress.reaches(batch.cursor);
    this.#goesWell();
    this.#options.onMove?.();
    return true;
  }

  /** Nothing is left to send: waits for more. Answers whether the instance is to be asked again. */
  async #isToAskAgain(reader: ReadAhead): Promise<boolean> {
    this.#goesWell();
    this.#phase = "idle";
    await this.#lookAtEnd();
    const idleAskMs = this.#options.idleAskMs ?? idleAskMsDefault;
    const leftMs = this.#link.heardMs + idleAskMs - this.#env.clock.elapsedMs();
    if (leftMs <= 0) return true;
    const { signal } = this.#stop;
    if (this.#wasWoken) {
      this.#wasWoken = false;
      await this.#env.clock.sleep(Math.min(vainWakeMs, leftMs), signal);
      return false;
    }
    this.#wasWoken = await waitForMore(this.#env, this.#source, {
      after: reader.after,
      limitMs: leftMs,
      signal,
    });
    return !this.#wasWoken;
  }

  async #lookAtEnd(): Promise<void> {
    const { waiting } = this.#progress;
    this.#end = await orAborted(this.#source.end(), this.#stop.signal);
    if (this.#end !== null) this.#progress.streamIs(this.#end.stream, waiting);
  }

  #goesWell(): void {
    if (this.#lastError !== null)
      this.#env.report({ level: "info", event: "replication_goes_on", details: this.#who() });
    this.#lastError = null;
    this.#backoff.succeeded();
  }

  async #pause(error: unknown): Promise<void> {
    const delayMs = this.#backoff.failed(error);
    this.#counts.retries += 1;
    if (isMismatch(error)) this.#counts.mismatches += 1;
    const code = error instanceof EpsilonError ? error.code : "internal";
    const message = error instanceof Error ? error.message : String(error);
    if (delayMs === 0) return;
    // Said once, not at each attempt.
    if (this.#lastError?.code !== code) {
      const details = { ...this.#who(), code, message, delayMs };
      this.#env.report({ level: "warn", event: "replication_waits", details });
    }
    this.#lastError = { code, message };
    this.#phase = "waiting";
    this.#retryAtMs = this.#env.clock.elapsedMs() + delayMs;
    await this.#env.clock.sleep(delayMs, this.#stop.signal).catch((reason: unknown) => {
      if (!this.#isStopped()) throw reason;
    });
    this.#retryAtMs = null;
  }

  #who(): Readonly<Record<string, unknown>> {
    const { name: source, collection } = this.#source;
    return { url: this.#link.url, source, collection };
  }

  #dropReader(): void {
    this.#reader?.close();
    this.#reader = undefined;
  }
}

/** How far a place is behind the end, in the source's positions; null where they are in different streams. */
export function lagOf(at: Cursor | null, end: Cursor | null): number | null {
  if (end === null) return 0;
  if (at === null) return end.position;
  return at.stream === end.stream ? Math.max(0, end.position - at.position) : null;
}
