/**
 * What the drill writes, and what it remembers: for every event whether it was sent and whether it was acknowledged.
 *
 * Event `n` is a pure function of `n`, so that what comes back can be checked without keeping it. Two kinds of writers
 * take turns in one process: plain ones, which send a batch again until it is acknowledged, and sources, which ask
 * for their cursor and go on from there, as the replicating client does.
 */

import { assert, must } from "@epsilon/model";

const startMs = Date.UTC(2026, 0, 1);
const collection = "drill";

/** Draws numbers in [0, 1): seeded, so that a run can be repeated. */
export type Unit = () => number;

/** Mulberry32: 32 bits of state, good enough to choose sizes and moments. */
export function seededUnit(seed: number): Unit {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The line of event `n`. */
export function lineOf(n: number): string {
  const id = `d0000000-0000-8000-8000-${n.toString(16).padStart(12, "0")}`;
  // Times step back and forth a little, as they do when many machines write.
  const ts = startMs + n * 10 + ((n * 7919) % 5000);
  return `{"_ts":${ts},"_id":"${id}","n":${n},"text":"event ${n}","even":${n % 2 === 0},"third":${n / 3}}`;
}

/** Which events were sent and which acknowledged, and who comes next. */
export class Ledger {
  #next = 0;
  readonly #acknowledged = new Set<number>();
  #batches: { readonly from: number; readonly to: number }[] = [];

  /** Numbers for a batch of `count` new events. */
  take(count: number): { readonly from: number; readonly to: number } {
    const batch = { from: this.#next, to: this.#next + count };
    this.#next += count;
    this.#batches.push(batch);
    return batch;
  }

  acknowledge(batch: { readonly from: number; readonly to: number }): void {
    this.#acknowledged.add(batch.from);
  }

  get sentCount(): number {
    return this.#next;
  }

  get acknowledgedCount(): number {
    return this.#batches.reduce(
      (sum, { from, to }) => sum + (this.#acknowledged.has(from) ? to - from : 0),
      0,
    );
  }

  /** One byte an event: 1 if it was acknowledged. */
  acknowledgedEvents(): Uint8Array {
    const events = new Uint8Array(this.#next);
    for (const { from, to } of this.#batches) if (this.#acknowledged.has(from)) events.fill(1, from, to);
    return events;
  }
}

/** One who writes until the instance is gone, and again after it is back. */
export interface Writer {
  /** Settles when the instance is gone; never loses its place. */
  writeUntilGone(origin: string): Promise<void>;
}

interface Sent {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Sends batches of random sizes, some of them waiting for the disk only; an unanswered batch is sent again. */
export function plainWriter(ledger: Ledger, unit: Unit): Writer {
  let batch: ReturnType<Ledger["take"]> | null = null;
  return {
    writeUntilGone: async (origin) => {
      for (;;) {
        batch ??= ledger.take(1 + Math.trunc(unit() ** 3 * 3000));
        const path = unit() < 0.5 ? "?wait=durable" : "";
        const sent = await post(origin, { path, headers: {}, ...batch });
        if (sent === null) return;
        assert(sent.status === 200 && sent.body["received"] === batch.to - batch.from, JSON.stringify(sent));
        if (path === "") {
          const { stored, duplicates } = sent.body;
          assert(Number(stored) + Number(duplicates) === batch.to - batch.from, JSON.stringify(sent.body));
        }
        ledger.acknowledge(batch);
        batch = null;
      }
    },
  };
}

/** Asks for its cursor whenever the instance comes back, and sends what is after it. */
export function sourceWriter(ledger: Ledger, unit: Unit, name: string): Writer {
  const batches: { readonly from: number; readonly to: number }[] = [];
  let acknowledgedCount = 0;
  return {
    writeUntilGone: async (origin) => {
      const asked = await askPosition(origin, name);
      if (asked === null) return;
      // A cursor counts batches. It may be ahead of the answers that came back, by the one whose answer was lost.
      assert(
        acknowledgedCount <= asked && asked <= batches.length,
        `${name}: ${asked}, not ${acknowledgedCount}`,
      );
      acknowledgeUpTo(asked);
      let position = asked;
      for (;;) {
        if (position === batches.length) batches.push(ledger.take(1 + Math.trunc(unit() ** 3 * 3000)));
        const batch = must(batches[position]);
        const headers = {
          "epsilon-source": name,
          ...(position === 0 ? {} : { "epsilon-after": cursorAt(position) }),
          "epsilon-cursor": cursorAt(position + 1),
        };
        const sent = await post(origin, { path: "?wait=durable", headers, ...batch });
        if (sent === null) return;
        assert(sent.status === 200, JSON.stringify(sent));
        position += 1;
        acknowledgeUpTo(position);
      }
    },
  };

  /** A cursor that the instance tells is as good as an answer: it speaks only of what is durable. */
  function acknowledgeUpTo(position: number): void {
    for (const done of batches.slice(acknowledgedCount, position)) ledger.acknowledge(done);
    acknowledgedCount = Math.max(acknowledgedCount, position);
  }
}

function cursorAt(position: number): string {
  return `drill:${position}:c${position}`;
}

/** How many batches the instance has of the source; null if it is gone. */
async function askPosition(origin: string, name: string): Promise<number | null> {
  const url = `${origin}/v1/collections/${collection}/sources?source=${encodeURIComponent(name)}`;
  const response = await unlessGone(fetch(url));
  if (response === null) return null;
  const text = await unlessGone(response.text());
  if (text === null) return null;
  const answer: {
    readonly sources: readonly { readonly streams: readonly { readonly cursor: string | null }[] }[];
  } = JSON.parse(text);
  const cursor = answer.sources[0]?.streams[0]?.cursor ?? null;
  return cursor === null ? 0 : Number(cursor.split(":")[1]);
}

async function post(
  origin: string,
  what: {
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly from: number;
    readonly to: number;
  },
): Promise<Sent | null> {
  let body = "";
  for (let n = what.from; n < what.to; n += 1) body += `${lineOf(n)}\n`;
  const url = `${origin}/v1/collections/${collection}/events${what.path}`;
  for (;;) {
    const response = await unlessGone(fetch(url, { method: "POST", headers: what.headers, body }));
    const text = response === null ? null : await unlessGone(response.text());
    if (response === null || text === null) return null;
    if (response.status !== 429) return { status: response.status, body: JSON.parse(text) };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** null where the connection was refused or broke off: that is what the drill is about. */
async function unlessGone<T>(request: Promise<T>): Promise<T | null> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** Reads every event back and answers with what is wrong: missing, twice, never sent, or changed. */
export async function verify(origin: string, ledger: Ledger): Promise<readonly string[]> {
  const acknowledged = ledger.acknowledgedEvents();
  const seen = new Uint8Array(ledger.sentCount);
  const findings: string[] = [];
  const response = await fetch(`${origin}/v1/collections/${collection}/events`);
  // Nothing may have been acknowledged yet, so there may be no collection.
  if (response.status === 404) return acknowledged.includes(1) ? ["the collection is gone"] : [];
  assert(response.status === 200, `reading back: ${response.status}`);
  for await (const line of linesOf(must(response.body))) {
    const event: Readonly<Record<string, unknown>> = JSON.parse(line);
    const n = Number(event["n"]);
    if (!(0 <= n && n < seen.length)) findings.push(`event ${n} was never sent`);
    else if (!sameEvent(event, JSON.parse(lineOf(n)))) findings.push(`event ${n} came back changed: ${line}`);
    else seen[n] = must(seen[n]) + 1;
  }
  for (let n = 0; n < seen.length; n += 1) {
    if (1 < must(seen[n])) findings.push(`event ${n} is there ${seen[n]} times`);
    if (seen[n] === 0 && acknowledged[n] === 1) findings.push(`event ${n} was acknowledged and is lost`);
  }
  return findings;
}

function sameEvent(got: Readonly<Record<string, unknown>>, sent: Readonly<Record<string, unknown>>): boolean {
  const { _ts: gotTs, ...gotRest } = got;
  const { _ts: sentTs, ...sentRest } = sent;
  if (Date.parse(String(gotTs)) !== sentTs) return false;
  const names = Object.keys(sentRest);
  return (
    Object.keys(gotRest).length === names.length && names.every((name) => gotRest[name] === sentRest[name])
  );
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  assert(rest === "", "the answer ends in half a line");
}
