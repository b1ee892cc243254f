/** Answers: JSON, and errors in the one form that they have. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "@epsilon/env";
import { AssertionError, EpsilonError, errors } from "@epsilon/model";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { HttpContext } from "../context.ts";
import { isWaitingForContinue } from "./body.ts";
import { chooseEncoding, encodeBytes, encodedBytesMin } from "./encode.ts";

const smallBodyBytes = 64 * 1024;

/** Sends a value as JSON, encoded if it is long and the caller accepts it. */
export async function sendJson(
  context: HttpContext,
  reply: FastifyReply,
  answer: { readonly status?: number; readonly value: unknown },
): Promise<FastifyReply> {
  return sendText(context, reply.code(answer.status ?? 200), {
    type: "application/json; charset=utf-8",
    text: toJsonLine(answer.value),
  });
}

/** Sends a text, encoded if it is long and the caller accepts it. */
export async function sendText(
  context: HttpContext,
  reply: FastifyReply,
  answer: { readonly type: string; readonly text: string },
): Promise<FastifyReply> {
  reply.header("content-type", answer.type);
  if (answer.text.length < encodedBytesMin) return reply.send(answer.text);
  reply.header("vary", reply.getHeader("vary") ?? "Accept-Encoding");
  const encoding = chooseEncoding(reply.request.headers["accept-encoding"]);
  if (encoding === null) return reply.send(answer.text);
  reply.header("content-encoding", encoding);
  return reply.send(await encodeBytes(Buffer.from(answer.text), encoding, context.zstd));
}

/** JSON of an answer; integers that a double cannot hold become text. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) =>
    typeof member === "bigint" ? member.toString() : member,
  );
}

/** The same as a line: with its newline, for terminals. */
export function toJsonLine(value: unknown): string {
  return `${toJson(value)}\n`;
}

/** The error as the caller may see it. Whatever is not ours is `internal`, without its message. */
export function toEpsilonError(error: unknown): EpsilonError {
  if (error instanceof EpsilonError) return error;
  const isClientError =
    error instanceof Error &&
    "statusCode" in error &&
    typeof error.statusCode === "number" &&
    400 <= error.statusCode &&
    error.statusCode < 500;
  if (isClientError) return new EpsilonError("bad_request", error.message, { cause: error });
  return new EpsilonError("internal", "this is a bug of ours; the instance has reported it", {
    cause: error,
  });
}

/** The body of an error. Details go along where the caller caused it: line, column, cursor, … */
export function errorBody(error: EpsilonError): Record<string, unknown> {
  const { kind } = errors[error.code];
  const details = kind === "caller" ? error.details : {};
  const body = { error: { ...details, code: error.code, message: error.message } };
  return error.code === "cursor_mismatch" ? { ...body, cursor: error.details["cursor"] ?? null } : body;
}

/** Answers with an error, and reports the ones that are not the caller's. */
export async function sendError(
  context: HttpContext,
  request: FastifyRequest,
  failure: { readonly error: unknown; readonly reply: FastifyReply },
): Promise<FastifyReply> {
  const { reply } = failure;
  const error = toEpsilonError(failure.error);
  report(context, request, { error, original: failure.error });
  for (const name of ["content-encoding", "epsilon-next"]) {
    reply.removeHeader(name);
    // A stream that failed before its first byte has left its headers here.
    if (!reply.raw.headersSent) reply.raw.removeHeader(name);
  }
  for (const [name, value] of errorHeaders(error)) reply.header(name, value);
  if (!hasMuchToCome(request.raw)) {
    request.raw.resume();
    return sendJson(context, reply, { status: error.status, value: errorBody(error) });
  }
  // Nobody reads the body any more, so the connection cannot be used again.
  reply.header("connection", "close");
  reply.hijack();
  await sendBeforeBodyEnds(context, request.raw, { reply, error });
  return reply;
}

/** Whether the caller may still be sending more than a socket holds anyway. */
function hasMuchToCome(request: IncomingMessage): boolean {
  if (request.complete) return false;
  const { "transfer-encoding": transferEncoding, "content-length": announced } = request.headers;
  return transferEncoding !== undefined || smallBodyBytes < Number(announced ?? 0);
}

/** Headers that belong to an error. */
function errorHeaders(error: EpsilonError): [string, string][] {
  const headers: [string, string][] = [];
  if (error.status === 429 || error.status === 503) headers.push(["retry-after", retryAfterSeconds(error)]);
  if (error.code === "unauthorized") headers.push(["www-authenticate", 'Bearer realm="epsilon"']);
  if (error.code === "unsupported_encoding") headers.push(["accept-encoding", "gzip, zstd"]);
  const { allow } = error.details;
  if (error.code === "method_not_allowed" && typeof allow === "string") headers.push(["allow", allow]);
  return headers;
}

function retryAfterSeconds(error: EpsilonError): string {
  const { retryAfterMs } = error.details;
  return String(typeof retryAfterMs === "number" ? Math.max(1, Math.ceil(retryAfterMs / 1000)) : 1);
}

/**
 * Answers while the caller is still sending. If the connection closed now, the caller's own bytes would meet a closed
 * socket, and the reset would take the answer with it. So the whole answer goes out, what still comes is thrown away
 * for a while, and then the connection closes.
 */
async function sendBeforeBodyEnds(
  context: HttpContext,
  request: IncomingMessage,
  answer: { readonly reply: FastifyReply; readonly error: EpsilonError },
): Promise<void> {
  const { reply, error } = answer;
  const response = reply.raw;
  const text = toJsonLine(errorBody(error));
  response.writeHead(error.status, {
    ...definedHeaders(reply),
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
  });
  response.write(text);
  if (!isWaitingForContinue(request)) await drain(request, response, context);
  response.end();
}

async function drain(
  request: IncomingMessage,
  response: ServerResponse,
  { env, limits }: { readonly env: { readonly clock: Clock }; readonly limits: HttpContext["limits"] },
): Promise<void> {
  const stop = new AbortController();
  let bytes = 0;
  const ended = new Promise<void>((resolve) => {
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (limits.drainBytesMax < bytes) resolve();
    });
    request.once("end", resolve).once("close", resolve).once("error", resolve);
    response.once("close", resolve);
    request.resume();
  });
  const tooLong = env.clock.sleep(limits.drainMs, stop.signal).catch(() => undefined);
  await Promise.race([ended, tooLong]);
  stop.abort();
}

function report(
  context: HttpContext,
  request: FastifyRequest,
  failure: { readonly error: EpsilonError; readonly original: unknown },
): void {
  const { error, original } = failure;
  // A full disk or a failed store is reported once, where it is met; not again by each request that meets it.
  const isOurs =
    error.code === "internal" || error.code === "io_error" || errors[error.code].kind === "damage";
  if (!isOurs) return;
  context.env.report({
    level: "error",
    event: "request_failed",
    // The route, never the URL: its query may hold a token.
    details: {
      method: request.method,
      route: request.routeOptions.url ?? "none",
      code: error.code,
      message: error.message,
      cause: original instanceof Error ? original.stack : String(original),
    },
  });
  if (original instanceof AssertionError) context.onFatal(original);
}

/** The reply's headers in the form that `writeHead` takes. */
export function definedHeaders(reply: FastifyReply): Record<string, string | number | string[]> {
  const headers: Record<string, string | number | string[]> = {};
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) headers[name] = value;
  }
  return headers;
}
