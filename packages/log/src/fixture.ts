/** What the log's tests share. */

import type { Env } from "@epsilon/env";
import { createSimEnv, type SimEnv } from "@epsilon/env/testing";
import { type Log, openLog } from "./log.ts";

export const directory = "/data/log";

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const shown = (payload: Uint8Array): string => new TextDecoder().decode(payload);

/** Opens the log of the tests. */
export function open(env: Env, fileBytesMax = 1000, firstOffset = 0): Promise<Log> {
  return openLog(env, { directory, fileBytesMax, firstOffset });
}

/** Headers and payloads from `from` on, as `header:payload`. */
export async function contents(log: Log, from = log.startOffset): Promise<string[]> {
  const found: string[] = [];
  for await (const frame of log.read(from)) found.push(`${frame.header}:${shown(frame.payload)}`);
  return found;
}

/** Appends frames one after the other, each durable before the next. */
export async function appendAll(log: Log, frames: readonly string[]): Promise<void> {
  for (const frame of frames) {
    const colon = frame.indexOf(":");
    await log.append(frame.slice(0, colon), [bytes(frame.slice(colon + 1))]).durable;
  }
}

/** A world whose log holds `frames`, closed in order. */
export async function worldWith(frames: readonly string[], fileBytesMax?: number): Promise<SimEnv> {
  const world = createSimEnv(1);
  const log = await open(world, fileBytesMax);
  await appendAll(log, frames);
  await log.close();
  return world;
}
