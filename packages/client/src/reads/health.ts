/**
 * What a reader knows of its instances: how fast each answered lately, and which of them fail. Pure; whoever calls says
 * what time it is, in milliseconds on the clock of `elapsedMs`.
 */

import { must } from "@epsilon/model";

/** So many answers are remembered, an instance each. */
const windowAnswers = 100;
/** Older answers do not count in the order: an instance that nobody asks is tried again after this. */
const recentMs = 60_000;
const firstBackoffMs = 1000;
const lastBackoffMs = 30_000;
/** Before so many answers there is no percentile to speak of. */
const hedgeAnswersMin = 10;
const hedgeDefaultMs = 1000;
const hedgeMsMin = 10;
/** One silence may be a heavy question; so many in a row are the instance. */
const silencesMax = 2;

interface AnswerTime {
  readonly atMs: number;
  readonly tookMs: number;
}

interface InstanceRecord {
  readonly times: AnswerTime[];
  failures: number;
  silences: number;
  backoffUntilMs: number;
}

export class Health {
  readonly #records: ReadonlyMap<string, InstanceRecord>;

  constructor(urls: readonly string[]) {
    this.#records = new Map(
      urls.map((url) => [
        url,
        { times: [], failures: 0, silences: 0, backoffUntilMs: Number.NEGATIVE_INFINITY },
      ]),
    );
  }

  /** It answered; how long that took counts where it is given. */
  answered(url: string, nowMs: number, tookMs?: number): void {
    const record = this.#of(url);
    record.failures = 0;
    record.silences = 0;
    record.backoffUntilMs = Number.NEGATIVE_INFINITY;
    if (tookMs !== undefined) remember(record, { atMs: nowMs, tookMs });
  }

  /** It refused, broke off or could not be reached: asked last for a while, longer each time. */
  failed(url: string, nowMs: number): void {
    const record = this.#of(url);
    // Requests that fail together are one failure.
    if (nowMs < record.backoffUntilMs) return;
    const backoffMs = Math.min(lastBackoffMs, firstBackoffMs * 2 ** Math.min(record.failures, 16));
    record.failures += 1;
    record.backoffUntilMs = nowMs + backoffMs;
  }

  /** It had not answered when another one did, which was asked later. It would have taken longer than `tookMs`. */
  silent(url: string, nowMs: number, tookMs: number): void {
    const record = this.#of(url);
    // Without the slow ones the percentile would shrink with every hedge.
    remember(record, { atMs: nowMs, tookMs });
    record.silences += 1;
    if (record.silences < silencesMax) return;
    record.silences = 0;
    this.failed(url, nowMs);
  }

  isHealthy(url: string, nowMs: number): boolean {
    return this.#of(url).backoffUntilMs <= nowMs;
  }

  /**
   * Whom to ask first: the healthy ones by their median, those of whom nothing is known lately before all others; then
   * those that failed, by when their back-off ends. Equals stay as given.
   */
  order(urls: readonly string[], nowMs: number): readonly string[] {
    const ranked = urls.map((url) => {
      const record = this.#of(url);
      const isHealthy = this.isHealthy(url, nowMs);
      const recent = record.times.filter(({ atMs }) => nowMs - atMs <= recentMs);
      return { url, isHealthy, rank: isHealthy ? percentileOf(recent, 0.5) : record.backoffUntilMs };
    });
    return ranked
      .toSorted((a, b) => Number(b.isHealthy) - Number(a.isHealthy) || a.rank - b.rank)
      .map(({ url }) => url);
  }

  /** After how long a silence another one is asked too: the p95 of all answers, or a second while there are few. */
  get hedgeAfterMs(): number {
    const all = [...this.#records.values()].flatMap(({ times }) => times);
    return all.length < hedgeAnswersMin ? hedgeDefaultMs : Math.max(hedgeMsMin, percentileOf(all, 0.95));
  }

  #of(url: string): InstanceRecord {
    return must(this.#records.get(url));
  }
}

function remember(record: InstanceRecord, time: AnswerTime): void {
  record.times.push(time);
  if (windowAnswers < record.times.length) record.times.shift();
}

/** By the nearest rank; 0 of none. */
function percentileOf(times: readonly AnswerTime[], share: number): number {
  const sorted = times.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
