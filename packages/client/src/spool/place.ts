/** Places in a spool's part, and the chain of checks that leads from each to the next. */

import { bytesToBase64Url, type Sha256, utf8Bytes } from "@epsilon/model";

/** A place between two chunks: how many events lie before it, and a chained hash of their bytes. */
export interface Place {
  readonly position: number;
  readonly check: string;
}

/** Where every part begins. */
export const beginning: Place = { position: 0, check: "0" };

/** The place after `events` events more, whose lines are `payload`. */
export function placeAfter(place: Place, events: number, payload: Uint8Array, hash: Sha256): Place {
  const prefix = utf8Bytes(`${place.check}\n${events}\n`);
  const bytes = new Uint8Array(prefix.length + payload.length);
  bytes.set(prefix);
  bytes.set(payload, prefix.length);
  return { position: place.position + events, check: bytesToBase64Url(hash(bytes).subarray(0, 16)) };
}
