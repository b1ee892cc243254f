/** What every handler is given. */

import type { Env } from "@epsilon/env";
import type { EventStore } from "@epsilon/store";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { BodyBudget } from "./http/body.ts";
import type { ZstdCodec } from "./http/zstd.ts";
import type { Metrics } from "./metrics.ts";
import type { ServerLimits } from "./options.ts";
import type { Access, Scope } from "./tokens.ts";

export interface ServerContext {
  readonly env: Env;
  readonly store: EventStore;
  readonly limits: ServerLimits;
  readonly version: string;
  /** `<id>/<incarnation>`. */
  readonly instance: string;
  readonly hasTokens: boolean;
  readonly zstd: ZstdCodec;
  readonly budget: BodyBudget;
  readonly metrics: Metrics;
  /** Aborted when the server begins to close. */
  readonly closing: AbortSignal;
  readonly tails: Set<AbortController>;
  readonly onFatal: (error: unknown) => void;
}

export type Handler = (
  context: ServerContext,
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<FastifyReply>;

/** One path and method of the contract. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** `{c}` and `{id}` stand for one segment. */
  readonly path: string;
  readonly scope: Scope | "none";
  /** The scope has to cover: the collection in the path, every collection, or any one of them. */
  readonly covers: "collection" | "all" | "any";
  readonly handle: Handler;
}

declare module "fastify" {
  interface FastifyRequest {
    /** What the caller may do; null where nobody asked. */
    access: Access | null;
    /** When it arrived, by the clock that only grows. */
    startedMs: number;
  }
}
