/** The client on Node. */

import { createNodeEnv, nodeSha256 } from "@epsilon/env";
import { type ReplicateOptions, Replicating, type SourceMaker } from "../replication/replicate.ts";
import type { Client } from "./client.ts";
import { type ClientOptions, createDiskClient } from "./disk-client.ts";

/**
 * A client of several instances that writes to a spool on this disk and sends from there:
 *
 *     const epsilon = createClient({ instances: ["https://a.example", "https://b.example"], collection: "events", spool: "./spool" });
 *     epsilon.record({ path: "/", status: 200 });
 *     await epsilon.push([{ _ts: new Date(), path: "/" }], { ack: "majority", timeoutMs: 5000 });
 *     await epsilon.close();
 *
 * Throws `bad_collection` and `bad_request` for options that do not fit.
 */
export function createClient(options: ClientOptions): Client {
  return createDiskClient(createNodeEnv(), { hash: nodeSha256, ...options });
}

/**
 * Sends a source that can be read again to several instances, each from where it stands, without a spool:
 *
 *     replicate(fileSource("/var/log/access.ndjson", { follow: true }), { instances: ["https://a.example"], collection: "views" });
 *
 * Throws `bad_request`, `bad_source` and `bad_collection` for options that do not fit.
 */
export function replicate(source: SourceMaker, options: ReplicateOptions): Replicating {
  return new Replicating(createNodeEnv(), source, { hash: nodeSha256, ...options });
}
