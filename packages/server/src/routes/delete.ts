/** `POST /v1/collections/{c}/delete`: tombstones, by keys or by a filter. */

import { EpsilonError } from "@epsilon/model";
import type { Handler } from "../context.ts";
import { sendJson } from "../http/answer.ts";
import { parseKeys } from "../http/keys.ts";
import { collectionOf, parseObject, queryParameters, readJson } from "../http/parameters.ts";
import { allows } from "../tokens.ts";
import { filtersOf, signalOfClose } from "./events.ts";

/** Deletes the events named, or those that match. */
export const deleteEvents: Handler = async (context, request, reply) => {
  const collection = collectionOf(request);
  queryParameters(request, []);
  const value = await readJson(context, request, context.limits.bodyBytesMax);
  const { keys, filter } = parseObject(value, ["keys", "filter"]);
  if ((keys === undefined) === (filter === undefined)) {
    throw new EpsilonError("bad_request", 'give either "keys" or "filter"');
  }
  if (keys !== undefined) {
    const deleted = await context.store.deleteKeys(collection, parseKeys(keys, context.limits.deleteKeysMax));
    return sendJson(context, reply, { value: { deleted } });
  }
  if (request.access === null || !allows(request.access, "admin", collection)) {
    throw new EpsilonError("forbidden", "a delete by filter needs a token with the scope admin");
  }
  const options = { signal: signalOfClose(reply), deadlineMs: context.limits.queryMsMax };
  const deleted = await context.store.deleteWhere(collection, parseFilters(filter), options);
  return sendJson(context, reply, { value: { deleted } });
};

function parseFilters(filter: unknown): ReturnType<typeof filtersOf> {
  if (typeof filter !== "string" || filter.trim() === "") {
    throw new EpsilonError("bad_request", '"filter" is a text: what stands after WHERE, such as user_id = 7');
  }
  return filtersOf(filter);
}
