/** What the relay says of itself. */

import type { Client } from "@epsilon/client";
import { formatCursor, formatTimestamp } from "@epsilon/model";
import { queryParameters, sendJson, sendText } from "@epsilon/server";
import type { RelayHandler } from "./context.ts";

type Loop = Awaited<ReturnType<Client["status"]>>["loops"][number];

/** `GET /`. */
export const showRelay: RelayHandler = async (context, _request, reply) =>
  sendText(context, reply, {
    type: "text/plain; charset=utf-8",
    text:
      "This is a relay of Epsilon. POST events to /v1/collections/{c}/events (?ack=spool|one|majority|all); reads are passed on to the instances.\n" +
      "/v1/relay says how far each of them is, /metrics the same as figures.\n",
  });

/** `GET /healthz`, `GET /readyz`: it is ready as soon as it listens, because its spool is open then. */
export const reportReadiness: RelayHandler = async (context, _request, reply) =>
  sendJson(context, reply, { value: { status: "ok" } });

export const reportMetrics: RelayHandler = async (context, _request, reply) =>
  sendText(context, reply, { type: context.metrics.contentType, text: await context.metrics.text() });

/** `GET /v1/instance`: who answers here. */
export const describeInstance: RelayHandler = async (context, request, reply) => {
  queryParameters(request, []);
  const [id, incarnation] = context.instance.split("/");
  return sendJson(context, reply, {
    value: {
      id,
      incarnation,
      restored_from: null,
      version: context.version,
      started_at: formatTimestamp(context.startedAtMicros),
      relay: true,
      instances: context.instances.urls,
    },
  });
};

/** `GET /v1/relay`: how far each instance is with what was spooled here. */
export const describeRelay: RelayHandler = async (context, request, reply) => {
  queryParameters(request, []);
  const { source, loops, spoolBytes, spoolBytesMax, lostRecords } = await context.client.status();
  return sendJson(context, reply, {
    value: {
      id: context.instance.split("/")[0],
      version: context.version,
      source,
      spool: { bytes: spoolBytes, limit_bytes: spoolBytesMax },
      loops: loops.map(loopToJson),
      dead_letters: context.refused(),
      lost: lostRecords,
    },
  });
};

function loopToJson(loop: Loop): Record<string, unknown> {
  return {
    url: loop.url,
    instance: loop.instanceId,
    collection: loop.collection,
    source: loop.source,
    phase: loop.phase,
    cursor: loop.cursor === null ? null : formatCursor(loop.cursor),
    lag: loop.lag,
    lag_bytes: loop.lagBytes,
    lag_seconds: Math.round(loop.lagMs / 1000),
    last_error: loop.lastError,
    retries: loop.retries,
    duplicates: loop.totals?.duplicates ?? null,
    rejected: loop.rejected,
  };
}
