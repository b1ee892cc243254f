/** The instance itself: who it is, whether it is alive and ready, its figures, and what is not built yet. */

import { EpsilonError, formatTimestamp } from "@epsilon/model";
import type { Handler, ServerContext } from "../context.ts";
import { sendJson, sendText } from "../http/answer.ts";
import { queryParameters } from "../http/parameters.ts";
import { openApi } from "../openapi/document.ts";
import { readableCollections } from "./collections.ts";

/** Who answers. `snapshots` is null where snapshots go nowhere. */
export const describeInstance: Handler = async (context, request, reply) => {
  queryParameters(request, []);
  const { identity } = context.store;
  const collections = await readableCollections(context, request);
  const { setAsideEvents, purgingStopped } = context.store.statistics();
  return sendJson(context, reply, {
    value: {
      id: identity.id,
      incarnation: identity.incarnation,
      restored_from: identity.restoredFrom,
      version: context.version,
      started_at: formatTimestamp(identity.startedAtMicros),
      now: formatTimestamp(context.env.clock.nowMicros()),
      collections: collections.length,
      snapshots: null,
      set_aside: setAsideEvents,
      purging_stopped: purgingStopped,
    },
  });
};

/** Alive: the process answers. */
export const reportHealth: Handler = (context, _request, reply) =>
  sendJson(context, reply, { value: { status: "ok" } });

/** Ready: the store answers, and the server is not about to close. */
export const reportReadiness: Handler = async (context, _request, reply) => {
  if (context.closing.aborted) throw new EpsilonError("closed", "the instance is closing: ask another");
  await context.store.collections();
  return sendJson(context, reply, { value: { status: "ready" } });
};

/** Figures for Prometheus. */
export const reportMetrics: Handler = async (context, request, reply) => {
  queryParameters(request, []);
  const text = await context.metrics.text();
  return sendText(context, reply, { type: context.metrics.contentType, text });
};

/** This API, described. */
export const describeApi: Handler = (context, _request, reply) =>
  sendText(context, reply, { type: "application/json; charset=utf-8", text: openApiText(context) });

/** A path of the contract that is still to come. */
export function notBuiltYet(what: string): Handler {
  return async () => {
    throw new EpsilonError("not_implemented", `${what} are not built yet: another release will answer here`);
  };
}

function openApiText(context: ServerContext): string {
  return `${JSON.stringify(openApi(context.version))}\n`;
}
