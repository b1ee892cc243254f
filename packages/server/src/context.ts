/** What every handler is given. */

import type { Env } from "@epsilon/env";
import type { EventStore } from "@epsilon/store";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { BodyBudget } from "./http/body.ts";
import type { ZstdCodec } from "./http/zstd.ts";
import type { Metrics } from "./metrics/http-metrics.ts";
import type { ServerLimits } from "./options.ts";
import type { Access, Scope } from "./tokens.ts";

/** What any server of ours has, whatever it serves. */
export interface HttpContext {
  readonly env: Env;
  readonly limits: ServerLimits;
  readonly version: string;
  /** What every answer carries in `Epsilon-Instance`: `<id>/<incarnation>`. */
  readonly instance: string;
  readonly hasTokens: boolean;
  readonly zstd: ZstdCodec;
  readonly budget: BodyBudget;
  readonly metrics: Metrics;
  /** Aborted when the server begins to close. */
  readonly closing: AbortSignal;
  readonly onFatal: (error: unknown) => void;
}

/** What an instance's server has besides. */
export interface ServerContext extends HttpContext {
  readonly store: EventStore;
  readonly tails: Set<AbortController>;
}

export type Handler<Context extends HttpContext = ServerContext> = (
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<FastifyReply>;

/** One path and method. */
export interface Route<Context extends HttpContext = ServerContext> {
  readonly method: "GET" | "POST" | "DELETE";
  /** `{c}` and `{id}` stand for one segment. */
  readonly path: string;
  readonly scope: Scope | "none";
  /** The scope has to cover: the collection in the path, every collection, or any one of them. */
  readonly covers: "collection" | "all" | "any";
  readonly handle: Handler<Context>;
  /** A stream that never ends has no head worth asking for. */
  readonly hasHead?: boolean;
}

declare module "fastify" {
  interface FastifyRequest {
    /** What the caller may do; null where nobody asked. */
    access: Access | null;
    /** When it arrived, by the clock that only grows. */
    startedMs: number;
  }
}
