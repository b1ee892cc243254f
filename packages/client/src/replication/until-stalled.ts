/** Looking after a delivery: how far it is, and when there is no more hope. */

import type { Env } from "@epsilon/env";
import { EpsilonError, errors } from "@epsilon/model";
import type { ReplicatorState } from "../loop/state.ts";
import { type Acknowledgement, isEnough } from "./acknowledgement.ts";

export interface StallOptions {
  readonly states: () => readonly ReplicatorState[];
  /** Grows while something is read, or written to a spool. */
  readonly readSoFar: () => number;
  readonly acknowledgement: Acknowledgement;
  /** How long nothing may move before it is given up, milliseconds. */
  readonly timeoutMs: number;
  /** Told several times a second how far each instance is. */
  readonly onProgress?: ((states: readonly ReplicatorState[]) => void) | undefined;
  readonly signal: AbortSignal;
}

const lookEveryMs = 200;

/**
 * Rejects when too few instances are left that may still take it (with the refusal of one), when nothing moved for too
 * long (`not_acknowledged`; with a single instance: what is in its way), or with the signal's reason.
 */
export async function untilStalled(env: Env, options: StallOptions): Promise<never> {
  let before = "";
  let movedMs = env.clock.elapsedMs();
  for (;;) {
    await env.clock.sleep(lookEveryMs, options.signal);
    const states = options.states();
    options.onProgress?.(states);
    assertHope(states, options.acknowledgement);
    const nowMs = env.clock.elapsedMs();
    const moved = states.map(({ deliveredEvents, cursor }) => [deliveredEvents, cursor?.position]);
    const now = JSON.stringify([options.readSoFar(), moved]);
    if (now !== before) movedMs = nowMs;
    before = now;
    if (options.timeoutMs <= nowMs - movedMs) throw notInTime(options, states);
  }
}

/** An instance that refuses in a way that only a person can change is not waited for. */
function assertHope(states: readonly ReplicatorState[], acknowledgement: Acknowledgement): void {
  const hopeful = states.filter(({ lastError }) => lastError === null || !isFinal(lastError.code));
  if (hopeful.length === states.length || isEnough(acknowledgement, states, hopeful)) return;
  const first = states.find(({ lastError }) => lastError !== null && isFinal(lastError.code));
  if (first?.lastError == null) return;
  const { code, message } = first.lastError;
  throw new EpsilonError(code, message, { details: { url: first.url } });
}

function isFinal(code: EpsilonError["code"]): boolean {
  return errors[code].kind === "caller" && code !== "cursor_mismatch";
}

function notInTime(
  { timeoutMs, acknowledgement }: StallOptions,
  states: readonly ReplicatorState[],
): EpsilonError {
  const said = states.map(
    ({ url, lag, lastError }) =>
      `${url}: ${lastError?.message ?? (lag === 0 ? "has it" : `${lag ?? "?"} behind`)}`,
  );
  const [only, ...more] = states;
  const code = more.length === 0 ? (only?.lastError?.code ?? "not_acknowledged") : "not_acknowledged";
  const wanted = more.length === 0 ? "the instance" : `${acknowledgement} of the instances`;
  return new EpsilonError(
    code,
    `nothing moved for ${timeoutMs / 1000} s, and it is not yet on ${wanted} (${said.join("; ")}); run it again, it goes on`,
    { details: { instances: states.map(({ url, cursor, lag }) => ({ url, cursor, lag })) } },
  );
}
