/** `GET` and `POST /v1/collections/{c}/query`: one question, one answer. */

import { EpsilonError } from "@epsilon/model";
import { parseQuery, parseQueryRequest, type Query, queryToObject } from "@epsilon/query";
import type { SourceInfo } from "@epsilon/store";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Handler, ServerContext } from "../context.ts";
import { sendJson } from "../http/answer.ts";
import { collectionOf, parseTimeout, queryParameters, readJson } from "../http/parameters.ts";
import { signalOfClose } from "./events.ts";
import { streamToJson } from "./sources.ts";

/** A query object, or `{"q":"SELECT …"}`. */
export const postQuery: Handler = async (context, request, reply) => {
  const { timeout } = queryParameters(request, ["timeout"]);
  const deadlineMs = parseTimeout(context, timeout);
  const query = parseQueryRequest(await readJson(context, request, context.limits.questionBytesMax));
  return answerQuery(context, request, { reply, query, deadlineMs });
};

/** The same, to paste into a browser. */
export const getQuery: Handler = async (context, request, reply) => {
  const { q, timeout, sources } = queryParameters(request, ["q", "timeout", "sources"]);
  const deadlineMs = parseTimeout(context, timeout);
  if (q === undefined) throw new EpsilonError("bad_request", "q is missing: ?q=SELECT count GROUP BY host");
  const query = parseQuery(q);
  return answerQuery(context, request, {
    reply,
    query: sources === undefined ? query : { ...query, sources: parseFlag("sources", sources) },
    deadlineMs,
  });
};

interface Question {
  readonly reply: FastifyReply;
  readonly query: Query;
  readonly deadlineMs: number;
}

async function answerQuery(
  context: ServerContext,
  request: FastifyRequest,
  question: Question,
): Promise<FastifyReply> {
  const { reply, query, deadlineMs } = question;
  const collection = collectionOf(request);
  const options = { signal: signalOfClose(reply), deadlineMs };
  // Asked before the query, so that the answer holds at least what is said here.
  const sources = query.sources ? await context.store.sources(collection) : null;
  const { eventsScanned, notes, summary, series, events } = await context.store.query(
    collection,
    query,
    options,
  );
  const meta = {
    instance: context.instance,
    elapsed_ms: Math.round((context.env.clock.elapsedMs() - request.startedMs) * 1000) / 1000,
    events_scanned: eventsScanned,
    notes,
    ...(sources === null ? {} : { sources: sourcesToJson(sources) }),
  };
  return sendJson(context, reply, { value: { query: queryToObject(query), summary, series, events, meta } });
}

function sourcesToJson(sources: readonly SourceInfo[]): Record<string, unknown> {
  return Object.fromEntries(sources.map(({ source, streams }) => [source, streams.map(streamToJson)]));
}

function parseFlag(name: string, text: string): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw new EpsilonError("bad_request", `${name} is ${JSON.stringify(text.slice(0, 100))}: true or false`);
}
