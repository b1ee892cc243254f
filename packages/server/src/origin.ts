/**
 * Who may reach the server at all: the address it listens on, the `Host` it is called by, and the `Origin` of the web
 * page that asks. Without tokens a page on the internet could otherwise reach an instance on the reader's own machine,
 * by a plain cross-site request or by DNS rebinding (a name of the attacker's that points to 127.0.0.1).
 */

import type { IncomingHttpHeaders } from "node:http";
import { EpsilonError } from "@epsilon/model";
import type { TokenTable } from "./tokens.ts";

/** Throws `insecure_address` where others than this machine could do everything. */
export function assertListenAllowed(
  host: string,
  options: { readonly tokens?: TokenTable | undefined; readonly insecure: boolean },
): void {
  if (isLoopbackName(host) || options.tokens !== undefined || options.insecure) return;
  throw new EpsilonError(
    "insecure_address",
    `${JSON.stringify(host)} can be reached from other machines: give --tokens FILE, listen on 127.0.0.1, or say --insecure`,
  );
}

/** `localhost`, 127.0.0.0/8 or ::1, without a port. */
export function isLoopbackName(host: string): boolean {
  const name = host.toLowerCase();
  return name === "localhost" || name === "::1" || name === "[::1]" || isLoopbackIpv4(name);
}

/** What is checked of each request, decided once. */
export interface OriginPolicy {
  readonly checksHost: boolean;
  readonly usesTls: boolean;
  readonly allowOrigins: ReadonlySet<string>;
}

/**
 * The foreign origin that an answer may be shown to, or null if the request comes from no foreign page.
 * Throws `foreign_origin`.
 */
export function checkOrigin(headers: IncomingHttpHeaders, policy: OriginPolicy): string | null {
  const host = headers.host ?? "";
  if (policy.checksHost && !isLoopbackName(withoutPort(host))) {
    throw new EpsilonError(
      "foreign_origin",
      `Host is ${JSON.stringify(host.slice(0, 200))}: without tokens only loopback names are answered; use 127.0.0.1, or start with --tokens`,
    );
  }
  const { origin } = headers;
  if (origin === undefined || isOwnOrigin(origin, host, policy)) return null;
  if (policy.allowOrigins.has("*") || policy.allowOrigins.has(origin.toLowerCase())) return origin;
  throw new EpsilonError(
    "foreign_origin",
    `Origin is ${JSON.stringify(origin.slice(0, 200))}: pages from there may not ask; add it to --allow-origin`,
  );
}

/** The headers that let a page of an allowed origin read the answer. */
export function corsHeaders(origin: string): Record<string, string> {
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": "Epsilon-Instance, Epsilon-Next, Retry-After",
    vary: "Origin, Accept-Encoding",
  };
}

/** The answer to a preflight. */
export const preflightHeaders = {
  "access-control-allow-methods": "GET, POST, DELETE",
  "access-control-allow-headers":
    "Authorization, Content-Type, Content-Encoding, Epsilon-Source, Epsilon-After, Epsilon-Cursor, Epsilon-Gap, Last-Event-ID",
  "access-control-max-age": "7200",
} as const;

/** An origin in the form in which browsers send it. Throws `bad_request`. */
export function parseOrigin(text: string): string {
  const origin = text.trim().toLowerCase();
  if (origin === "*" || origin === "null" || /^[a-z][a-z0-9+.-]*:\/\/[^/\s]+$/.test(origin)) return origin;
  throw new EpsilonError(
    "bad_request",
    `${JSON.stringify(text)} is no origin: give scheme and host without a path, such as https://example.org`,
  );
}

function isOwnOrigin(origin: string, host: string, policy: OriginPolicy): boolean {
  const own = host.toLowerCase();
  const asked = origin.toLowerCase();
  // Behind a proxy that ends TLS, the page's scheme is https and ours is not.
  return asked === `https://${own}` || (!policy.usesTls && asked === `http://${own}`);
}

function withoutPort(host: string): string {
  return host.replace(/:\d{1,5}$/, "");
}

function isLoopbackIpv4(name: string): boolean {
  const match = /^127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(name);
  return match?.slice(1).every((part) => Number(part) <= 255) ?? false;
}
