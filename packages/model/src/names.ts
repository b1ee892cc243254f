/** The names of collections and sources: what they may look like, and which are ours. */

import { EpsilonError } from "./errors.ts";
import { limits } from "./limits.ts";

const collectionPattern = new RegExp(`^[a-z0-9][a-z0-9_.-]{0,${limits.collectionNameCharsMax - 1}}$`);
const sourcePattern = new RegExp(`^[A-Za-z0-9._:@/-]{1,${limits.sourceNameCharsMax}}$`);

/** Whether a text may name a collection; such a name is also the name of a file. */
export function isCollectionName(text: string): boolean {
  return collectionPattern.test(text);
}

/** A collection's name, checked. Throws `bad_collection`. */
export function parseCollectionName(text: string): string {
  if (isCollectionName(text)) return text;
  throw new EpsilonError(
    "bad_collection",
    `${quote(text)} is not a collection's name: 1 to ${limits.collectionNameCharsMax} of a-z 0-9 _ . -, and a letter or a digit first`,
  );
}

/** Whether a collection is one of ours, which never expire (`epsilon.dashboards`). */
export function isOwnCollection(name: string): boolean {
  return name.startsWith("epsilon.");
}

/** A source's name, checked. Throws `bad_source`. */
export function parseSourceName(text: string): string {
  if (sourcePattern.test(text)) return text;
  throw new EpsilonError(
    "bad_source",
    `${quote(text)} is not a source's name: 1 to ${limits.sourceNameCharsMax} of A-Z a-z 0-9 . _ : @ / -`,
  );
}

function quote(text: string): string {
  return JSON.stringify(text.length > 250 ? `${text.slice(0, 250)}…` : text);
}
