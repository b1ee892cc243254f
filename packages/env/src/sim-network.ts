/** A network of functions: an address is answered by whoever the test puts there. */

import { EpsilonError } from "@epsilon/model";
import type { Network, NetworkRequest, NetworkResponse } from "./env.ts";

/** What stands at a simulated address. */
export type SimHandler = (request: NetworkRequest) => Promise<NetworkResponse> | NetworkResponse;

/** The simulated network and its faults. */
export class SimNetwork implements Network {
  readonly #handlers = new Map<string, SimHandler>();
  readonly #partitioned = new Set<string>();

  /** Answers requests to `origin` (`http://host:port`) from now on. Returns what ends that. */
  serve(origin: string, handler: SimHandler): () => void {
    this.#handlers.set(origin, handler);
    return () => {
      this.#handlers.delete(origin);
    };
  }

  /** Cuts `origin` off: requests find no answer and running ones break off, until `heal`. */
  partition(origin: string): void {
    this.#partitioned.add(origin);
  }

  heal(origin: string): void {
    this.#partitioned.delete(origin);
  }

  async request(request: NetworkRequest): Promise<NetworkResponse> {
    request.signal?.throwIfAborted();
    const origin = URL.canParse(request.url) ? new URL(request.url).origin : request.url;
    await Promise.resolve();
    const handler = this.#handlers.get(origin);
    if (handler === undefined || this.#partitioned.has(origin)) throw noAnswer(origin);
    const response = await handler(request);
    request.signal?.throwIfAborted();
    if (this.#partitioned.has(origin)) throw noAnswer(origin);
    return { ...response, body: this.#body(origin, request, response.body) };
  }

  async *#body(
    origin: string,
    request: NetworkRequest,
    chunks: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunks) {
      request.signal?.throwIfAborted();
      if (this.#partitioned.has(origin)) throw noAnswer(origin);
      yield chunk;
    }
    if (this.#partitioned.has(origin)) throw noAnswer(origin);
  }
}

/** The error of a connection that is not there, or breaks: handlers throw it from a body to break it off. */
export function noAnswer(origin: string): EpsilonError {
  return new EpsilonError("unreachable", `no answer from ${origin} (simulated)`, { details: { origin } });
}
