/** `GET /v1/collections/{c}/events`: raw events, streamed in key order, as fast as the reader takes them. */

import { EpsilonError } from "@epsilon/model";
import { type Filter, parseFilter } from "@epsilon/query";
import type { ScanChunk, ScanRequest } from "@epsilon/store";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Handler, HttpContext } from "../context.ts";
import { chooseEncoding, encodedBytesMin, encodeStream } from "../http/encode.ts";
import { collectionOf, parseCount, queryParameters } from "../http/parameters.ts";

/** Streams events as NDJSON. */
export const readEvents: Handler = async (context, request, reply) => {
  const signal = signalOfClose(reply);
  const scan = await context.store.scan(scanRequest(request), { signal });
  return sendLines(context, request, {
    reply,
    chunks: scan.chunks,
    ...(scan.next === null ? {} : { headers: { "epsilon-next": scan.next } }),
  });
};

/** Streams lines of NDJSON, as fast as the reader takes them. A stream that fails is broken off. */
export async function sendLines(
  context: HttpContext,
  request: FastifyRequest,
  answer: {
    readonly reply: FastifyReply;
    readonly chunks: AsyncIterable<ScanChunk>;
    readonly headers?: Readonly<Record<string, string>>;
  },
): Promise<FastifyReply> {
  const { reply } = answer;
  const chunks = answer.chunks[Symbol.asyncIterator]();
  // What fails before the first chunk is still answered as an error.
  const first = await chunks.next();
  reply.headers({ "content-type": "application/x-ndjson; charset=utf-8", ...answer.headers });
  if (request.method === "HEAD") {
    await chunks.return?.();
    return reply.send("");
  }
  const isShort = first.done === true || first.value.ndjson.length < encodedBytesMin;
  if (!isShort) reply.header("vary", reply.getHeader("vary") ?? "Accept-Encoding");
  const encoding = isShort ? null : chooseEncoding(request.headers["accept-encoding"]);
  if (encoding !== null) reply.header("content-encoding", encoding);
  return reply.send(encodeStream(bytesOf(first, chunks), encoding, context.zstd));
}

/** Aborted when the caller goes away (or has its answer). */
export function signalOfClose(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once("close", () => {
    gone.abort(new EpsilonError("query_cancelled", "the caller went away"));
  });
  return gone.signal;
}

/** The filters in the `filter` parameter. Throws `bad_query`. */
export function filtersOf(text: string | undefined): readonly Filter[] {
  return text === undefined || text.trim() === "" ? [] : parseFilter(text);
}

async function* bytesOf(
  first: IteratorResult<ScanChunk>,
  rest: AsyncIterator<ScanChunk>,
): AsyncGenerator<Uint8Array> {
  try {
    for (let item = first; item.done !== true; item = await rest.next()) yield item.value.ndjson;
  } finally {
    await rest.return?.();
  }
}

function scanRequest(request: FastifyRequest): ScanRequest {
  const names = ["start", "end", "filter", "order", "limit", "after"] as const;
  const { start, end, filter, order, limit, after } = queryParameters(request, names);
  return {
    collection: collectionOf(request),
    filters: filtersOf(filter),
    order: parseOrder(order),
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    ...(limit === undefined ? {} : { limit: parseCount("limit", limit, 1) }),
    ...(after === undefined ? {} : { after }),
  };
}

function parseOrder(text: string | undefined): "asc" | "desc" {
  if (text === undefined || text === "asc") return "asc";
  if (text === "desc") return text;
  throw new EpsilonError("bad_request", `order is ${JSON.stringify(text.slice(0, 100))}: asc or desc`);
}
