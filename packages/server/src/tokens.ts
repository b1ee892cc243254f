/**
 * Tokens and what they allow. A file has one a line: `TOKEN SCOPE[,SCOPE] [# note]`, where a scope may name its
 * collection: `append:page_views`.
 *
 * Scopes: `admin` covers all others, `write` covers `append`, `read` stands alone. Tokens are kept and compared as
 * SHA-256 hashes, and every one is compared each time, so that the time of an answer tells nothing about them.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { EpsilonError, parseCollectionName } from "@epsilon/model";

export const scopes = ["read", "append", "write", "admin"] as const;
export type Scope = (typeof scopes)[number];

/** One scope, on one collection or (null) on all. */
export interface Grant {
  readonly scope: Scope;
  readonly collection: string | null;
}

/** What somebody may do. */
export interface Access {
  readonly grants: readonly Grant[];
}

export interface TokenTable {
  readonly count: number;
  /** The access that comes with a token, or undefined. Takes the same time for every token. */
  find(token: string): Access | undefined;
}

interface Entry {
  readonly hash: Buffer;
  readonly access: Access;
}

/** What everybody may do where there are no tokens. */
export const fullAccess: Access = { grants: [{ scope: "admin", collection: null }] };

const coveredBy: Readonly<Record<Scope, readonly Scope[]>> = {
  read: ["read", "admin"],
  append: ["append", "write", "admin"],
  write: ["write", "admin"],
  admin: ["admin"],
};

// RFC 6750, b64token: what a bearer token may consist of.
const tokenPattern = /^[A-Za-z0-9\-._~+/]+=*$/;

/** Parses a tokens file. Throws `bad_request` with the line; never repeats a token. */
export function parseTokens(text: string): TokenTable {
  const entries: Entry[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const entry = parseLine(line, index + 1);
    if (entry === null) continue;
    if (entries.some(({ hash }) => hash.equals(entry.hash))) {
      throw badLine(index + 1, "the token stands there twice; put all of its scopes on one line");
    }
    entries.push(entry);
  }
  if (entries.length === 0) {
    throw new EpsilonError(
      "bad_request",
      "there is no token in the file: write one a line, TOKEN SCOPE[,SCOPE]",
    );
  }
  return { count: entries.length, find: (token) => findEntry(entries, token)?.access };
}

/** Whether the access covers a scope on a collection; on null: on all collections at once. */
export function allows(access: Access, scope: Scope, collection: string | null): boolean {
  return access.grants.some(
    (grant) =>
      coveredBy[scope].includes(grant.scope) &&
      (grant.collection === null || grant.collection === collection),
  );
}

/** Whether the access covers a scope on some collection. */
export function allowsSomewhere(access: Access, scope: Scope): boolean {
  return access.grants.some((grant) => coveredBy[scope].includes(grant.scope));
}

/** Whether a token can do nothing but append, so that it may stand in a URL. */
export function isAppendOnly(access: Access): boolean {
  return access.grants.every((grant) => grant.scope === "append");
}

function parseLine(line: string, lineNumber: number): Entry | null {
  const words = line
    .replace(/(^|\s)#.*$/, "")
    .trim()
    .split(/\s+/);
  const [token = "", scopeList = "", extra] = words;
  if (token === "") return null;
  if (!tokenPattern.test(token)) {
    throw badLine(lineNumber, "a token consists of letters, digits and - . _ ~ + / =");
  }
  if (scopeList === "") throw badLine(lineNumber, `a scope is missing: one of ${scopes.join(", ")}`);
  if (extra !== undefined)
    throw badLine(lineNumber, "scopes are separated by commas, and a note begins with #");
  const grants = scopeList.split(",").map((word) => parseGrant(word, lineNumber));
  return { hash: hashOf(token), access: { grants } };
}

function parseGrant(word: string, lineNumber: number): Grant {
  const [name = "", collection, ...rest] = word.split(":");
  const scope = scopes.find((known) => known === name);
  if (scope === undefined || 0 < rest.length) {
    throw badLine(
      lineNumber,
      `${JSON.stringify(word)} is no scope: one of ${scopes.join(", ")}, or read:my_collection`,
    );
  }
  return { scope, collection: collection === undefined ? null : parseCollectionName(collection) };
}

function findEntry(entries: readonly Entry[], token: string): Entry | undefined {
  const hash = hashOf(token);
  let found: Entry | undefined;
  for (const entry of entries) if (timingSafeEqual(entry.hash, hash)) found = entry;
  return found;
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

function badLine(line: number, message: string): EpsilonError {
  return new EpsilonError("bad_request", `tokens, line ${line}: ${message}`, { details: { line } });
}
