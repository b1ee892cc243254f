/** Every path and method of the relay, with who may. */

import { EpsilonError } from "@epsilon/model";
import type { Route } from "@epsilon/server";
import type { RelayContext, RelayHandler } from "./context.ts";
import { describeInstance, describeRelay, reportMetrics, reportReadiness, showRelay } from "./describe.ts";
import { forwardRead } from "./forward.ts";
import { deleteEvents, writeEvents } from "./write.ts";

const collection = "/v1/collections/{c}";

/** What concerns one instance alone is asked of that instance. */
const notHere: RelayHandler = async (_context, request) => {
  throw new EpsilonError(
    "not_found",
    `a relay has no ${request.routeOptions.url ?? "such path"}: ask the instance that it is about`,
  );
};

export const relayRoutes: readonly Route<RelayContext>[] = [
  { method: "GET", path: "/", scope: "none", covers: "any", handle: showRelay },
  { method: "GET", path: "/healthz", scope: "none", covers: "any", handle: reportReadiness },
  { method: "GET", path: "/readyz", scope: "none", covers: "any", handle: reportReadiness },
  { method: "GET", path: "/openapi.json", scope: "none", covers: "any", handle: forwardRead },
  { method: "GET", path: "/metrics", scope: "read", covers: "all", handle: reportMetrics },
  { method: "GET", path: "/v1/relay", scope: "read", covers: "all", handle: describeRelay },
  { method: "GET", path: "/v1/instance", scope: "read", covers: "any", handle: describeInstance },
  { method: "GET", path: "/v1/collections", scope: "read", covers: "all", handle: forwardRead },
  {
    method: "POST",
    path: `${collection}/events`,
    scope: "append",
    covers: "collection",
    handle: writeEvents,
  },
  {
    method: "POST",
    path: `${collection}/delete`,
    scope: "write",
    covers: "collection",
    handle: deleteEvents,
  },
  ...["fields", "events", "query", "tail", "sources"].map(
    (name): Route<RelayContext> => ({
      method: "GET",
      path: `${collection}/${name}`,
      scope: "read",
      covers: "collection",
      handle: forwardRead,
      hasHead: name !== "tail",
    }),
  ),
  { method: "POST", path: `${collection}/query`, scope: "read", covers: "collection", handle: forwardRead },
  { method: "DELETE", path: collection, scope: "admin", covers: "collection", handle: notHere },
  { method: "DELETE", path: `${collection}/sources`, scope: "admin", covers: "collection", handle: notHere },
  ...["digest", "keys", "fetch"].map(
    (name): Route<RelayContext> => ({
      method: "POST",
      path: `${collection}/${name}`,
      scope: "read",
      covers: "collection",
      handle: notHere,
    }),
  ),
  { method: "GET", path: "/v1/snapshots", scope: "read", covers: "all", handle: notHere },
  { method: "POST", path: "/v1/snapshots", scope: "admin", covers: "all", handle: notHere },
];
