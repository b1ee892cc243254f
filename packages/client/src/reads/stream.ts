/** Answers that are streams: given up when they fall silent, and cut into lines. */

import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { type TimeLimit, withTimeLimit } from "../http/time-limit.ts";

/** The chunks of a stream; throws `unreachable` when the next one does not come in time. */
export async function* untilSilent(
  env: Env,
  limit: TimeLimit,
  chunks: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const next = await withTimeLimit(env, limit, () => chunks.next());
    if (next.done === true) return;
    yield next.value;
  }
}

/** The lines of a stream. Throws `unreachable` where it ends within one: then it was cut. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") throw new EpsilonError("unreachable", "the stream ends within a line");
}

/** An event as a line has it. Throws `bad_json`: then no instance answered. */
export function parseEvent(line: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new EpsilonError("bad_json", "a line of the stream is no JSON; check the address", { cause });
  }
}
