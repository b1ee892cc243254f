/** `POST /v1/collections/{c}/events`: the path that everything waits for. No schema, no copy, no log line. */

import { EpsilonError } from "@epsilon/model";
import type { EventStore, WriteAnswer, WriteRequest } from "@epsilon/store";
import type { FastifyRequest } from "fastify";
import type { Handler } from "../context.ts";
import { sendJson } from "../http/answer.ts";
import { readBody } from "../http/body.ts";
import { hasClaim, parseClaim } from "../http/claim.ts";
import { collectionOf, queryParameters } from "../http/parameters.ts";
import { allows } from "../tokens.ts";

/** Writes the events in the body. */
export const writeEvents: Handler = async (context, request, reply) => {
  const { limits, budget, zstd, store } = context;
  const collection = collectionOf(request);
  const wait = parseWait(request);
  const appendOnly = request.access === null || !allows(request.access, "write", collection);
  if (appendOnly && hasClaim(request.headers)) {
    throw new EpsilonError(
      "forbidden",
      "this token may only append; sources need a token with the scope write",
    );
  }
  const claim = parseClaim(request.headers);
  const body = await readBody(request.raw, { bytesMax: limits.bodyBytesMax, budget, zstd });
  const write = { collection, body: body.bytes, wait, appendOnly };
  const answer = await writeAndRelease(
    store,
    claim === undefined ? write : { ...write, claim },
    body.release,
  );
  const isRefused = claim === undefined && 0 < answer.received && answer.rejected.length === answer.received;
  return sendJson(context, reply, { status: isRefused ? 422 : 200, value: answer });
};

async function writeAndRelease(
  store: EventStore,
  write: WriteRequest,
  release: () => void,
): Promise<WriteAnswer> {
  try {
    if (write.claim === undefined && write.body.length === 0) {
      throw new EpsilonError("empty_body", "there is no event in the body: send JSON objects, or an array");
    }
    return await store.write(write);
  } finally {
    release();
  }
}

function parseWait(request: FastifyRequest): "durable" | "applied" {
  const { wait } = queryParameters(request, ["wait", "token"]);
  if (wait === undefined || wait === "applied") return "applied";
  if (wait === "durable") return wait;
  throw new EpsilonError("bad_request", `wait is ${JSON.stringify(wait.slice(0, 100))}: durable or applied`);
}
