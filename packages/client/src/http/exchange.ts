/** One request and its answer: headers, JSON, and errors as EpsilonErrors with the instance's own code and message. */

import type { Env, NetworkResponse } from "@epsilon/env";
import { EpsilonError, type ErrorCode, errors } from "@epsilon/model";

export interface Exchange {
  /** Path and parameters behind the instance's address. */
  readonly path: string;
  readonly method?: "GET" | "POST" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal | undefined;
}

/** Which instance answered, and which run of it. */
export interface InstanceIdentity {
  readonly id: string;
  readonly incarnation: string;
}

export interface Target {
  readonly url: string;
  readonly token?: string | undefined;
  /** Told with every answer who gave it, errors included; not where the answer does not say (a proxy's). */
  readonly onInstance?: ((instance: InstanceIdentity) => void) | undefined;
}

/** An answer that is held in memory has this much at most. */
const answerBytesMax = 512 * 1024 * 1024;

/** An address without its trailing slash. Throws `bad_request` for what is none. */
export function parseInstanceUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new EpsilonError(
      "bad_request",
      `${JSON.stringify(text)} is no address of an instance; give one such as http://127.0.0.1:4320`,
    );
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/** Sends a request. Rejects with `unreachable`, or with the error that the instance answers. */
export async function send(env: Env, target: Target, exchange: Exchange): Promise<NetworkResponse> {
  const response = await sendAnyway(env, target, exchange);
  if (response.status >= 200 && response.status < 300) return response;
  throw await errorOf(target, response);
}

/** Sends a request; any status is an answer. */
export async function sendAnyway(env: Env, target: Target, exchange: Exchange): Promise<NetworkResponse> {
  const response = await env.network.request({
    url: target.url + exchange.path,
    method: exchange.method ?? "GET",
    headers: {
      ...(target.token === undefined ? {} : { authorization: `Bearer ${target.token}` }),
      ...exchange.headers,
    },
    ...(exchange.body === undefined ? {} : { body: exchange.body }),
    ...(exchange.signal === undefined ? {} : { signal: exchange.signal }),
  });
  const instance = parseInstanceHeader(response.headers["epsilon-instance"]);
  if (instance !== undefined) target.onInstance?.(instance);
  return response;
}

/** `<id>/<incarnation>`; undefined for anything else. */
export function parseInstanceHeader(text: string | undefined): InstanceIdentity | undefined {
  const [, id, incarnation] = /^([^/]+)\/([^/]+)$/.exec(text ?? "") ?? [];
  return id === undefined || incarnation === undefined ? undefined : { id, incarnation };
}

/** The whole body as text. */
export async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let count = 0;
  for await (const chunk of body) {
    count += chunk.length;
    if (count > answerBytesMax)
      throw new EpsilonError(
        "query_too_large",
        `the answer has more than ${answerBytesMax} bytes; ask for less`,
      );
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** The body as JSON. Throws `bad_json` if it is none: then no instance answered. */
export async function readJson<T>(target: Target, response: NetworkResponse): Promise<T> {
  const text = await readText(response.body);
  const value = tryJson(text);
  if (value !== undefined) return value as T;
  throw new EpsilonError("bad_json", `${target.url} does not answer as an instance does; check the address`);
}

/** The error of an answer: the instance's own, or what its status says. */
export async function errorOf(target: Target, response: NetworkResponse): Promise<EpsilonError> {
  const text = await readText(response.body);
  const answer = tryJson(text) as
    | { error?: { code?: string; message?: string } & Record<string, unknown>; cursor?: unknown }
    | undefined
    | null;
  const given = answer?.error;
  const { status, headers } = response;
  const details: Record<string, unknown> = { status, url: target.url };
  const retryAfter = headers["retry-after"];
  if (retryAfter !== undefined) details["retryAfter"] = retryAfter;
  if (typeof given?.code !== "string") {
    const what = status >= 500 ? "unreachable" : status === 429 ? "overloaded" : "bad_request";
    return new EpsilonError(
      what,
      `${target.url} answered ${status}, and not as an instance does; check the address`,
      { details },
    );
  }
  const { code, message, ...rest } = given;
  Object.assign(details, rest);
  if (answer !== null && answer !== undefined && "cursor" in answer) details["cursor"] = answer.cursor;
  // A newer instance may have codes that this release does not know.
  if (!isErrorCode(code))
    return new EpsilonError(status >= 500 ? "internal" : "bad_request", `${code}: ${message ?? ""}`, {
      details,
    });
  return new EpsilonError(code, message ?? errors[code].meaning, { details });
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errors, code);
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
