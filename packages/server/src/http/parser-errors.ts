/** Answers what is not HTTP enough to become a request: written to the socket as it is, in the form of all errors. */

import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { EpsilonError } from "@epsilon/model";
import { errorBody, toJsonLine } from "./answer.ts";

const statusOf: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

const meaningOf: Readonly<Record<number, string>> = {
  408: "the request took too long to arrive: send it again, in smaller parts if it is large",
  413: "the extensions of a chunk are too large: leave them out",
  431: "the headers are too large: send fewer, or shorter ones",
};

/** Answers 400 (408, 431) and closes. `instance` is what `Epsilon-Instance` says. */
export function answerParserError(
  error: Error & { readonly code?: string },
  socket: Duplex,
  instance: string,
): void {
  // Where an answer has begun there is no place for another.
  const { _httpMessage: begun } = socket as Duplex & {
    readonly _httpMessage?: { readonly headersSent: boolean };
  };
  if (!socket.writable || begun?.headersSent === true || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const status = statusOf[error.code ?? ""] ?? 400;
  const message = meaningOf[status] ?? `this is no HTTP/1.1 request: ${error.message}`;
  const body = toJsonLine(errorBody(new EpsilonError("bad_request", message)));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Error"}`,
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    `Epsilon-Instance: ${instance}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}
