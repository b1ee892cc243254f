/** `…/sources`: how far each source has come here, and forgetting one that is no more. */

import { EpsilonError, formatTimestamp, parseSourceName } from "@epsilon/model";
import type { SourceInfo, StreamInfo } from "@epsilon/store";
import type { Handler } from "../context.ts";
import { sendJson } from "../http/answer.ts";
import { collectionOf, queryParameters } from "../http/parameters.ts";

/** All sources of a collection, or one. Where there is none, `cursor` is null: a sender begins at the beginning. */
export const listSources: Handler = async (context, request, reply) => {
  const collection = collectionOf(request);
  const { source } = queryParameters(request, ["source"]);
  if (source !== undefined) parseSourceName(source);
  const sources = await context.store.sources(collection, source);
  const found = sources.map(sourceToJson);
  return sendJson(context, reply, {
    value: found.length === 0 ? { sources: found, cursor: null } : { sources: found },
  });
};

/** Forgets a source: its cursors, gaps and figures. Its events stay. */
export const forgetSource: Handler = async (context, request, reply) => {
  const collection = collectionOf(request);
  const { source } = queryParameters(request, ["source"]);
  if (source === undefined) throw new EpsilonError("bad_request", "source is missing: ?source=NAME");
  await context.store.forgetSource(collection, parseSourceName(source));
  return sendJson(context, reply, { value: { forgotten: source } });
};

/** A stream as it stands in answers. */
export function streamToJson(stream: StreamInfo): Record<string, unknown> {
  const { cursor, snapshotted, gaps, updatedAtMicros } = stream;
  return { stream: stream.stream, cursor, snapshotted, gaps, updated_at: formatTimestamp(updatedAtMicros) };
}

function sourceToJson(info: SourceInfo): Record<string, unknown> {
  const { source, streams, received, stored, duplicates, rejected, conflicts } = info;
  return { source, streams: streams.map(streamToJson), received, stored, duplicates, rejected, conflicts };
}
