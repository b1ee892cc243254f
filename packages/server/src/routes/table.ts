/** Every path and method there is, with who may. `openapi.json` describes the same; a test compares them. */

import type { Route } from "../context.ts";
import { dropCollection, listCollections, listFields } from "./collections.ts";
import { fetchEvents, readDigests, readKeys } from "./comparing.ts";
import { deleteEvents } from "./delete.ts";
import { readEvents } from "./events.ts";
import { showExplorer } from "./explorer.ts";
import {
  describeApi,
  describeInstance,
  notBuiltYet,
  reportHealth,
  reportMetrics,
  reportReadiness,
} from "./instance.ts";
import { getQuery, postQuery } from "./query.ts";
import { forgetSource, listSources } from "./sources.ts";
import { tailEvents } from "./tail.ts";
import { writeEvents } from "./write.ts";

const collection = "/v1/collections/{c}";
const snapshots = notBuiltYet("snapshots");

export const routes: readonly Route[] = [
  { method: "GET", path: "/", scope: "none", covers: "any", handle: showExplorer },
  { method: "GET", path: "/healthz", scope: "none", covers: "any", handle: reportHealth },
  { method: "GET", path: "/readyz", scope: "none", covers: "any", handle: reportReadiness },
  { method: "GET", path: "/openapi.json", scope: "none", covers: "any", handle: describeApi },
  { method: "GET", path: "/metrics", scope: "read", covers: "all", handle: reportMetrics },
  { method: "GET", path: "/v1/instance", scope: "read", covers: "any", handle: describeInstance },
  { method: "GET", path: "/v1/collections", scope: "read", covers: "any", handle: listCollections },
  { method: "DELETE", path: collection, scope: "admin", covers: "collection", handle: dropCollection },
  { method: "GET", path: `${collection}/fields`, scope: "read", covers: "collection", handle: listFields },
  {
    method: "POST",
    path: `${collection}/events`,
    scope: "append",
    covers: "collection",
    handle: writeEvents,
  },
  { method: "GET", path: `${collection}/events`, scope: "read", covers: "collection", handle: readEvents },
  {
    method: "POST",
    path: `${collection}/delete`,
    scope: "write",
    covers: "collection",
    handle: deleteEvents,
  },
  { method: "POST", path: `${collection}/query`, scope: "read", covers: "collection", handle: postQuery },
  { method: "GET", path: `${collection}/query`, scope: "read", covers: "collection", handle: getQuery },
  {
    method: "GET",
    path: `${collection}/tail`,
    scope: "read",
    covers: "collection",
    handle: tailEvents,
    hasHead: false,
  },
  { method: "GET", path: `${collection}/sources`, scope: "read", covers: "collection", handle: listSources },
  {
    method: "DELETE",
    path: `${collection}/sources`,
    scope: "admin",
    covers: "collection",
    handle: forgetSource,
  },
  { method: "POST", path: `${collection}/digest`, scope: "read", covers: "collection", handle: readDigests },
  { method: "POST", path: `${collection}/keys`, scope: "read", covers: "collection", handle: readKeys },
  { method: "POST", path: `${collection}/fetch`, scope: "read", covers: "collection", handle: fetchEvents },
  { method: "GET", path: "/v1/snapshots", scope: "read", covers: "all", handle: snapshots },
  { method: "POST", path: "/v1/snapshots", scope: "admin", covers: "all", handle: snapshots },
  { method: "GET", path: "/v1/snapshots/{id}", scope: "read", covers: "all", handle: snapshots },
  { method: "DELETE", path: "/v1/snapshots/{id}", scope: "admin", covers: "all", handle: snapshots },
  { method: "POST", path: "/v1/snapshots/{id}/verify", scope: "admin", covers: "all", handle: snapshots },
  { method: "POST", path: "/v1/snapshots/{id}/confirm", scope: "admin", covers: "all", handle: snapshots },
];
