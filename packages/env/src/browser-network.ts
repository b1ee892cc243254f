/** HTTP requests by `fetch`. */

import { EpsilonError } from "@epsilon/model";
import type { Network, NetworkRequest, NetworkResponse } from "./env.ts";

/** The network as a page sees it: what an instance does not allow the page's origin is `unreachable`. */
export function createBrowserNetwork(): Network {
  return {
    async request(request: NetworkRequest): Promise<NetworkResponse> {
      const { url, method, headers, body, signal } = request;
      signal?.throwIfAborted();
      const response = await fetch(url, {
        method,
        headers,
        body: (body as Uint8Array<ArrayBuffer> | undefined) ?? null,
        signal: signal ?? null,
        // Tokens are headers; cookies would only make the instance's answers unreadable.
        credentials: "omit",
        cache: "no-store",
        redirect: "manual",
      }).catch((cause: unknown) => {
        throw reasonOf(request, cause);
      });
      // Where a redirect leads, a page is not told.
      if (response.type === "opaqueredirect") throw reasonOf(request, undefined);
      return {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: bodyOf(request, response.body),
      };
    },
  };
}

async function* bodyOf(
  request: NetworkRequest,
  body: ReadableStream<Uint8Array> | null,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw reasonOf(request, cause);
      });
      if (done) return;
      yield value;
    }
  } finally {
    // Whoever stops reading lets the connection go; what that fails with, nobody waits for.
    reader.cancel().catch(() => undefined);
  }
}

/** The signal's reason if that is why; otherwise `unreachable`. */
function reasonOf(request: NetworkRequest, cause: unknown): unknown {
  if (request.signal?.aborted === true) return request.signal.reason;
  const origin = URL.canParse(request.url) ? new URL(request.url).origin : request.url;
  return new EpsilonError(
    "unreachable",
    `no answer from ${origin}; check the address, that the instance runs, and that its --allow-origin names this page's origin`,
    { details: { origin }, cause },
  );
}
