/** Collections: which there are, their fields, and dropping one. */

import { formatDuration, formatTimestamp } from "@epsilon/model";
import type { CollectionInfo } from "@epsilon/store";
import type { FastifyRequest } from "fastify";
import type { Handler, ServerContext } from "../context.ts";
import { sendJson } from "../http/answer.ts";
import { collectionOf, queryParameters } from "../http/parameters.ts";
import { allows } from "../tokens.ts";

/** The collections that the caller may read. */
export const listCollections: Handler = async (context, request, reply) => {
  queryParameters(request, []);
  const collections = await readableCollections(context, request);
  return sendJson(context, reply, { value: { collections: collections.map(collectionToJson) } });
};

/** The fields of a collection, with the types that occur. */
export const listFields: Handler = async (context, request, reply) => {
  queryParameters(request, []);
  const fields = await context.store.fields(collectionOf(request));
  return sendJson(context, reply, {
    value: { fields: fields.map(({ name, types, events }) => ({ name, types, events })) },
  });
};

/** Forgets a collection on this instance. */
export const dropCollection: Handler = async (context, request, reply) => {
  queryParameters(request, []);
  const collection = collectionOf(request);
  await context.store.dropCollection(collection);
  return sendJson(context, reply, { value: { dropped: collection } });
};

/** What there is, without what the caller's token does not cover. */
export async function readableCollections(
  context: ServerContext,
  request: FastifyRequest,
): Promise<readonly CollectionInfo[]> {
  const { access } = request;
  if (access === null) return [];
  const collections = await context.store.collections();
  return collections.filter(({ name }) => allows(access, "read", name));
}

function collectionToJson(info: CollectionInfo): Record<string, unknown> {
  return {
    name: info.name,
    events: info.events,
    first_ts: info.firstTsMicros === null ? null : formatTimestamp(info.firstTsMicros),
    last_ts: info.lastTsMicros === null ? null : formatTimestamp(info.lastTsMicros),
    bytes_on_disk: info.bytesOnDisk,
    retention: info.retentionMs === null ? null : formatDuration(info.retentionMs),
  };
}
