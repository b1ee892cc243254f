/**
 * Reads are passed on to an instance: the healthiest and nearest, another one if it fails or is silent. The answer comes
 * back as it was given, byte by byte, with the name of the instance that gave it.
 */

import { Readable } from "node:stream";
import { errorOf } from "@epsilon/client";
import type { NetworkResponse } from "@epsilon/env";
import { pathParameter, readBody, signalOfClose } from "@epsilon/server";
import type { RelayHandler } from "./context.ts";

const passedOn = ["accept", "accept-encoding", "last-event-id"] as const;
const passedBack = [
  "content-type",
  "content-encoding",
  "vary",
  "cache-control",
  "epsilon-instance",
  "epsilon-next",
  "retry-after",
] as const;

/** How long an instance may take to begin its answer: as long as its own questions may. */
const answerMsMax = 600_000;

/** Passes a request on. Rejects with `unreachable` where no instance answers. */
export const forwardRead: RelayHandler = async (context, request, reply) => {
  const { env, limits, budget, zstd, instances } = context;
  const isQuestion = request.method === "POST";
  const body = isQuestion
    ? await readBody(request.raw, { bytesMax: limits.questionBytesMax, budget, zstd })
    : undefined;
  const headers: Record<string, string> = {};
  for (const name of passedOn) {
    const value = request.headers[name];
    if (typeof value === "string") headers[name] = value;
  }
  const path = withoutToken(request.url);
  try {
    const asked = await instances.ask(
      {
        collection: pathParameter(request, "c"),
        timeoutMs: answerMsMax,
        signal: signalOfClose(reply),
        isTimed: isQuestion,
      },
      async (url, signal) => {
        const target = instances.target(url);
        const { token } = target;
        const response = await env.network.request({
          url: url + path,
          method: request.method,
          headers: token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` },
          body: body?.bytes,
          signal,
        });
        // Another one may do better: one that is ill, or too busy, or new and without the collection.
        const mayBeBetterElsewhere =
          response.status >= 500 || response.status === 429 || response.status === 404;
        if (mayBeBetterElsewhere) throw await errorOf(target, response);
        return response;
      },
    );
    reply.raw.once("close", asked.close);
    return await reply.code(asked.value.status).headers(headersOf(asked.value)).send(bodyOf(asked.value));
  } finally {
    body?.release();
  }
};

/** A token in the address is for the relay, and nobody else's. */
function withoutToken(path: string): string {
  const [route = "", query] = path.split("?", 2);
  if (query === undefined) return route;
  const parameters = new URLSearchParams(query);
  if (!parameters.has("token")) return path;
  parameters.delete("token");
  return `${route}?${parameters}`;
}

function headersOf({ headers }: NetworkResponse): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of passedBack) {
    const value = headers[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

/** If the instance breaks off, so does the answer: it never ends as if it were whole. */
function bodyOf({ body }: NetworkResponse): Readable {
  return Readable.from(body, { objectMode: false });
}
