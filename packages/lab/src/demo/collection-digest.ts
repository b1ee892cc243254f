/** The digest of what an instance answers: two instances that hold the same events have the same one. */

import { hash } from "node:crypto";
import {
  addDigests,
  type Digest,
  digestOf,
  EpsilonError,
  emptyDigest,
  eventOf,
  JsonObject,
  must,
  parseStrictJson,
  type Sha256,
  versionHash64,
  versionOf,
} from "@epsilon/model";

const nativeSha256: Sha256 = (bytes) => hash("sha256", bytes, "buffer");

/** Reads all events of a collection, and sums them up. An unknown collection holds none. */
export async function digestOfCollection(origin: string, collection: string): Promise<Digest> {
  let digest = emptyDigest;
  for await (const line of eventLines(origin, collection)) digest = addDigests(digest, digestOfLine(line));
  return digest;
}

/** The events of a collection as the instance writes them, a line of JSON each. */
export async function* eventLines(origin: string, collection: string): AsyncGenerator<string> {
  const response = await fetch(`${origin}/v1/collections/${collection}/events`);
  if (response.status === 404) return;
  if (!response.ok)
    throw new EpsilonError("unreachable", `${origin} answered ${response.status}: ${await response.text()}`);
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of must(response.body)) {
    const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
    rest = must(lines.pop());
    yield* lines;
  }
}

/** The digest of one event, by its line. */
export function digestOfLine(line: string): Digest {
  const node = parseStrictJson(line);
  if (!(node instanceof JsonObject)) throw new EpsilonError("not_an_object", `an instance gave ${line}`);
  const never = (): never => {
    throw new EpsilonError("unnamed_event", `an instance gave an event without a name: ${line}`);
  };
  const naming = { nowMicros: 0n, random: never, named: true, appendOnly: false, ordinal: never };
  const event = eventOf(node, { ...naming, sha256: nativeSha256 });
  return digestOf(versionHash64(versionOf(event, nativeSha256)));
}
