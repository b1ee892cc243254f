/** Who asks, and whether they may: tokens from the header, or for appending from the URL, against a route's scope. */

import { EpsilonError } from "@epsilon/model";
import type { FastifyRequest } from "fastify";
import type { Route } from "./context.ts";
import { pathParameter } from "./http/parameters.ts";
import { type Access, allows, allowsSomewhere, fullAccess, isAppendOnly, type TokenTable } from "./tokens.ts";

type Scoped = Pick<Route, "scope" | "covers">;

/**
 * What the caller may do on this route; null where nobody has to say who they are, and nobody did.
 * Throws `unauthorized` and `forbidden`.
 */
export function authorize(
  request: FastifyRequest,
  route: Scoped,
  tokens: TokenTable | undefined,
): Access | null {
  if (tokens === undefined) return fullAccess;
  const access = accessOf(request, route, tokens);
  if (route.scope === "none") return access ?? null;
  if (access === null) {
    throw new EpsilonError("unauthorized", "a token is needed: send Authorization: Bearer TOKEN");
  }
  if (access === undefined) {
    throw new EpsilonError("unauthorized", "this token is not known here: look into the tokens file");
  }
  if (isCovered(request, route, access)) return access;
  throw new EpsilonError("forbidden", `this token does not have the scope ${route.scope} here`);
}

/** null without a token, undefined with one that is not known. */
function accessOf(request: FastifyRequest, route: Scoped, tokens: TokenTable): Access | null | undefined {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const [, token] = /^bearer +(\S+) *$/i.exec(authorization) ?? [];
    return token === undefined ? undefined : tokens.find(token);
  }
  const { query } = request;
  const inUrl: unknown =
    typeof query === "object" && query !== null ? Reflect.get(query, "token") : undefined;
  if (typeof inUrl !== "string" || route.scope !== "append") return null;
  const access = tokens.find(inUrl);
  if (access === undefined || isAppendOnly(access)) return access;
  // URLs end up in logs and histories; a token that can read or change has no place there.
  throw new EpsilonError(
    "forbidden",
    "only a token that may do nothing but append goes into ?token=; send this one as Authorization: Bearer",
  );
}

function isCovered(request: FastifyRequest, { scope, covers }: Scoped, access: Access): boolean {
  if (scope === "none") return true;
  if (covers === "any") return allowsSomewhere(access, scope);
  return allows(access, scope, covers === "all" ? null : pathParameter(request, "c"));
}
