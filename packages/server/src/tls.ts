/** HTTPS: a certificate and a key that work together, or an error that says so. */

import type * as http from "node:http";
import * as https from "node:https";
import { createSecureContext } from "node:tls";
import { EpsilonError } from "@epsilon/model";

/** Both as PEM. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
}

/** For whoever wants to know before anything else is begun. Throws `usage`. */
export function assertTlsWorks({ cert, key }: Tls): void {
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EpsilonError("usage", `the TLS certificate and key do not work together: ${reason}`, { cause });
  }
}

/** Throws `usage` for a certificate that does not work. */
export function createTlsServer(
  tls: Tls,
  settings: http.ServerOptions,
  listener: http.RequestListener,
): http.Server {
  assertTlsWorks(tls);
  return https.createServer({ minVersion: "TLSv1.2", ...settings, ...tls }, listener);
}
