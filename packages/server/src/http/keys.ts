/** Keys of events in the body of a request. */

import { EpsilonError, type EventKey, parseKey } from "@epsilon/model";

/** A list of keys, at most `keysMax`. Throws `bad_request`, `too_many_events`, and what `parseKey` throws. */
export function parseKeys(value: unknown, keysMax: number): readonly EventKey[] {
  if (!Array.isArray(value)) throw new EpsilonError("bad_request", '"keys" is a list of {"_ts","_id"}');
  if (value.length <= keysMax) return value.map(parseKey);
  throw new EpsilonError(
    "too_many_events",
    `${value.length} keys: ${keysMax} at most in one request, so send several`,
  );
}
