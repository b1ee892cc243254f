/**
 * `GET /v1/collections/{c}/tail`: new events as server-sent events, resumable by `id`.
 *
 * The store is asked for the next event only when the socket has taken the last one, so a slow reader costs no memory
 * here; one that takes nothing for `tailStallMs` is broken off. A comment goes out when there is nothing to say, so
 * that proxies and readers know that the line stands.
 */

import type { ServerResponse } from "node:http";
import { EpsilonError } from "@epsilon/model";
import type { TailEvent } from "@epsilon/store";
import type { FastifyReply } from "fastify";
import type { Handler, ServerContext } from "../context.ts";
import { definedHeaders, errorBody, toEpsilonError, toJson } from "../http/answer.ts";
import { collectionOf, queryParameters } from "../http/parameters.ts";
import { filtersOf } from "./events.ts";

/** How long a tail may take to say that it cannot begin, and still be answered with a status. */
const openingMs = 20;
/** Browsers come back after this long. */
const retryMs = 1000;

type Next = IteratorResult<TailEvent>;

/** Streams what is written from now on, or from after an id. */
export const tailEvents: Handler = async (context, request, reply) => {
  const collection = collectionOf(request);
  const { filter, last_event_id: parameter } = queryParameters(request, ["filter", "last_event_id"]);
  const filters = filtersOf(filter);
  const given = request.headers["last-event-id"];
  const after = (typeof given === "string" ? given : undefined) ?? parameter;
  if (context.limits.tailsMax <= context.tails.size) {
    throw new EpsilonError("overloaded", `${context.tails.size} tails are open, and no more may be`);
  }
  const stop = new AbortController();
  context.tails.add(stop);
  reply.raw.once("close", () => stop.abort());
  try {
    const { signal } = stop;
    const asked = after === undefined || after === "" ? { filters, signal } : { filters, after, signal };
    const events = context.store.tail(collection, asked)[Symbol.asyncIterator]();
    await streamTail(context, reply, { events, stop });
  } finally {
    stop.abort();
    context.tails.delete(stop);
  }
  return reply;
};

interface Tail {
  readonly events: AsyncIterator<TailEvent>;
  readonly stop: AbortController;
}

async function streamTail(context: ServerContext, reply: FastifyReply, tail: Tail): Promise<void> {
  let next = tail.events.next();
  // A tail that cannot begin (no such collection, a bad id) says so at once; then the answer is a plain error.
  const opening = startPause(context, openingMs, tail.stop.signal);
  await Promise.race([next, opening.over]).finally(opening.end);
  reply.hijack();
  const response = reply.raw;
  response.writeHead(200, { ...definedHeaders(reply), "content-type": "text/event-stream; charset=utf-8" });
  response.write(`retry: ${retryMs}\n\n`);
  try {
    while (!tail.stop.signal.aborted) {
      const item = await nextOrHeartbeat(context, next, { response, stop: tail.stop });
      if (item.done === true) break;
      await send(context, `id: ${item.value.id}\ndata: ${item.value.json}\n\n`, {
        response,
        stop: tail.stop,
      });
      next = tail.events.next();
    }
    response.end();
  } catch (error) {
    // The status is long sent: the reason goes into the stream, and the connection breaks off.
    const body = toJson(errorBody(toEpsilonError(error)));
    await writeLast(response, `event: error\ndata: ${body}\n\n`);
    response.destroy();
  } finally {
    await tail.events.return?.();
  }
}

interface Line {
  readonly response: ServerResponse;
  readonly stop: AbortController;
}

/** The next event; until it comes, a comment every now and then. */
async function nextOrHeartbeat(context: ServerContext, next: Promise<Next>, line: Line): Promise<Next> {
  for (;;) {
    const silence = startPause(context, context.limits.heartbeatMs, line.stop.signal);
    const item = await Promise.race([next, silence.over]).finally(silence.end);
    if (item !== null) return item;
    if (line.stop.signal.aborted) return { done: true, value: undefined };
    await send(context, ": nothing new\n\n", line);
  }
}

/** Writes, and waits until the reader has taken enough; one that takes nothing is broken off. */
async function send(context: ServerContext, text: string, { response, stop }: Line): Promise<void> {
  if (response.destroyed) stop.abort();
  if (stop.signal.aborted || response.write(text)) return;
  const stall = startPause(context, context.limits.tailStallMs, stop.signal);
  response.once("drain", stall.end);
  await stall.over;
  response.off("drain", stall.end);
  if (stall.wasEnded()) return;
  stop.abort();
  response.destroy();
}

/** Writes, and waits until the bytes have left, because whoever destroys a connection destroys what it still holds. */
async function writeLast(response: ServerResponse, text: string): Promise<void> {
  if (response.destroyed) return;
  await new Promise<void>((resolve) => {
    response.once("close", () => resolve());
    response.write(text, () => resolve());
  });
}

interface Pause {
  /** Settles after a while, or when it is ended, or when the tail stops. */
  readonly over: Promise<null>;
  readonly end: () => void;
  /** Whether it was cut short. */
  readonly wasEnded: () => boolean;
}

/**
 * Starts a pause. The listener on `stop` is taken away again: `AbortSignal.any` would leave a trace on it for every
 * event of a tail that may last for months.
 */
function startPause(context: ServerContext, ms: number, stop: AbortSignal): Pause {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  if (stop.aborted) end();
  stop.addEventListener("abort", end, { once: true });
  const sleep = async (): Promise<null> => {
    try {
      await context.env.clock.sleep(ms, ended.signal);
    } catch (error) {
      if (!ended.signal.aborted) throw error;
    } finally {
      stop.removeEventListener("abort", end);
    }
    return null;
  };
  return { over: sleep(), end, wasEnded: () => ended.signal.aborted };
}
