/** Parameters of a request: from its path, its query string and its JSON body. */

import { EpsilonError, parseCollectionName, parseDuration } from "@epsilon/model";
import type { FastifyRequest } from "fastify";
import type { HttpContext } from "../context.ts";
import { readBody } from "./body.ts";

/** The collection in the path. Throws `bad_collection`. */
export function collectionOf(request: FastifyRequest): string {
  return parseCollectionName(pathParameter(request, "c"));
}

/** A segment of the path; empty if the route has none of that name. */
export function pathParameter(request: FastifyRequest, name: string): string {
  const { params } = request;
  const value: unknown =
    typeof params === "object" && params !== null ? Reflect.get(params, name) : undefined;
  return typeof value === "string" ? value : "";
}

/** The parameters of the query string, each at most once. Throws `bad_request` for one that is not known. */
export function queryParameters<Name extends string>(
  request: FastifyRequest,
  known: readonly Name[],
): Partial<Record<Name, string>> {
  const found: Partial<Record<Name, string>> = {};
  const given: unknown = request.query;
  for (const [name, value] of Object.entries(typeof given === "object" && given !== null ? given : {})) {
    const knownName = known.find((candidate) => candidate === name);
    if (knownName === undefined) {
      const what = known.length === 0 ? "there is none here" : `there are ${known.join(", ")}`;
      throw new EpsilonError("bad_request", `${quote(name)} is no parameter: ${what}`);
    }
    if (typeof value !== "string") throw new EpsilonError("bad_request", `${name} is given twice`);
    found[knownName] = value;
  }
  return found;
}

/** A whole number from `min` on. Throws `bad_request`. */
export function parseCount(name: string, text: string, min: number): number {
  const count = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(count) && min <= count) return count;
  throw new EpsilonError("bad_request", `${name} is ${quote(text)}: give an integer from ${min} on`);
}

/** How long a query may take: what it asks for, within the limit. Throws `bad_request`. */
export function parseTimeout(context: HttpContext, text: string | undefined): number {
  const { queryMsDefault, queryMsMax } = context.limits;
  if (text === undefined) return queryMsDefault;
  const timeoutMs = parseDuration(text);
  if (0 < timeoutMs && timeoutMs <= queryMsMax) return timeoutMs;
  throw new EpsilonError(
    "bad_request",
    `timeout is ${quote(text)}: more than 0 and at most ${queryMsMax / 1000}s`,
  );
}

/** The body as JSON. Throws `bad_utf8`, `bad_json`, `empty_body`, and what `readBody` throws. */
export async function readJson(
  context: HttpContext,
  request: FastifyRequest,
  bytesMax: number,
): Promise<unknown> {
  const { budget, zstd } = context;
  const body = await readBody(request.raw, { bytesMax, budget, zstd });
  try {
    return parseJson(body.bytes);
  } finally {
    body.release();
  }
}

/** A JSON object with known members only. Throws `bad_request`. */
export function parseObject<Name extends string>(
  value: unknown,
  known: readonly Name[],
): Partial<Record<Name, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new EpsilonError("bad_request", `the body is a JSON object with ${known.join(" or ")}`);
  }
  const found: Partial<Record<Name, unknown>> = {};
  for (const [name, member] of Object.entries(value)) {
    const knownName = known.find((candidate) => candidate === name);
    if (knownName === undefined) {
      throw new EpsilonError("bad_request", `${quote(name)} is not known here: give ${known.join(" or ")}`);
    }
    found[knownName] = member;
  }
  return found;
}

function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw new EpsilonError("empty_body", "a JSON object is expected as the body");
  const text = decodeUtf8(bytes);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EpsilonError("bad_json", `the body is not JSON: ${reason}`, { cause });
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new EpsilonError("bad_utf8", "the body is not UTF-8", { cause });
  }
}

function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
