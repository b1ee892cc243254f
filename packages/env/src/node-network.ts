/** HTTP requests by Node's own client, with connections kept open between requests. */

import * as http from "node:http";
import * as https from "node:https";
import { EpsilonError } from "@epsilon/model";
import type { Network, NetworkRequest, NetworkResponse } from "./env.ts";
import { errnoOf } from "./node-errors.ts";

/** The network of this machine. Idle connections do not keep the process alive. */
export function createNodeNetwork(): Network {
  const agents = {
    "http:": new http.Agent({ keepAlive: true }),
    "https:": new https.Agent({ keepAlive: true }),
  };
  return {
    request: (request) =>
      new Promise((resolve, reject) => {
        request.signal?.throwIfAborted();
        const url = parseUrl(request.url);
        const isSecure = url.protocol === "https:";
        const send = isSecure ? https.request : http.request;
        const body = request.body;
        const outgoing = send(url, {
          agent: isSecure ? agents["https:"] : agents["http:"],
          method: request.method,
          headers: {
            ...request.headers,
            ...(body === undefined ? {} : { "content-length": String(body.length) }),
          },
          ...(request.signal === undefined ? {} : { signal: request.signal }),
        });
        outgoing.on("error", (cause) => reject(reasonOf(request, cause)));
        outgoing.on("response", (incoming) => resolve(answerOf(request, incoming)));
        outgoing.end(body);
      }),
  };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw new EpsilonError("unreachable", `${text} is not an http or https address; check it`);
  return url;
}

function answerOf(request: NetworkRequest, incoming: http.IncomingMessage): NetworkResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers))
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  // The body may break before anybody reads it; the iteration reports that, so no error may end the process here.
  incoming.on("error", () => undefined);
  return { status: incoming.statusCode ?? 0, headers, body: bodyOf(request, incoming) };
}

async function* bodyOf(
  request: NetworkRequest,
  incoming: http.IncomingMessage,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of incoming) yield chunk as Uint8Array;
  } catch (cause) {
    throw reasonOf(request, cause);
  }
  if (!incoming.complete) throw reasonOf(request, undefined);
}

/** The signal's reason if that is why; otherwise `unreachable`. */
function reasonOf(request: NetworkRequest, cause: unknown): unknown {
  if (request.signal?.aborted === true) return request.signal.reason;
  const url = URL.canParse(request.url) ? new URL(request.url) : undefined;
  const origin = url?.origin ?? request.url;
  const errno = errnoOf(cause);
  return new EpsilonError(
    "unreachable",
    `no answer from ${origin} (${errno === "unknown" ? "the connection broke off" : errno}); ` +
      "check the address and that the instance runs, then try again",
    { details: { origin, errno }, cause },
  );
}
