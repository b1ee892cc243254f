/** The opaque text that a scan continues from: the key of the last event of a page. */

import { EpsilonError, type EventKey, parseUuid } from "@epsilon/model";

export function formatNext(key: EventKey): string {
  return `${key.tsMicros}_${key.id}`;
}

/** Throws `bad_request`. */
export function parseNext(after: string): EventKey {
  const [, ts, id] = /^(-?\d{1,18})_([0-9a-f-]{36})$/.exec(after) ?? [];
  if (ts === undefined || id === undefined || parseUuid(id) === undefined) {
    throw new EpsilonError("bad_request", `after=${after} is not what an Epsilon-Next header gave`);
  }
  return { tsMicros: BigInt(ts), id };
}
