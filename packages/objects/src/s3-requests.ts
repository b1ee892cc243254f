/** Requests to an S3-compatible storage: signed by the SDK, tried again by us, failing with our errors. */

import { S3Client } from "@aws-sdk/client-s3";
import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { failureOf, notS3 } from "./s3-errors.ts";
import type { S3Access } from "./s3-place.ts";

/** Limits, for tests to make small. */
export interface S3Options {
  /** How often a request is tried in all. */
  readonly tries?: number;
  /** The first pause before a request is tried again; doubled from one to the next. */
  readonly pauseMs?: number;
  /** How long a connection may take to come about. */
  readonly connectMs?: number;
  /** How long a connection may be silent in the middle of a request. */
  readonly idleMs?: number;
  /** How large the parts of an upload are, and up to which size there is but one. */
  readonly partBytes?: number;
}

/** What a request is given: the client, and what to pass along with a command. */
export type S3Call<T> = (client: S3Client, options: { readonly abortSignal?: AbortSignal }) => Promise<T>;

export class S3Requests {
  readonly #env: Env;
  readonly #client: S3Client;
  readonly #tries: number;
  readonly #pauseMs: number;

  constructor(env: Env, access: S3Access, options: S3Options) {
    this.#env = env;
    this.#tries = options.tries ?? 4;
    this.#pauseMs = options.pauseMs ?? 500;
    // Without a limit on connections the SDK has no reason to warn on the console.
    const agent = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY };
    this.#client = new S3Client({
      region: access.region,
      credentials: access.credentials,
      // Other servers than Amazon's often have no name for each bucket.
      ...(access.endpoint === null ? {} : { endpoint: access.endpoint, forcePathStyle: true }),
      maxAttempts: 1,
      // Older servers refuse the checksums in trailers that the SDK would send.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      requestHandler: {
        connectionTimeout: options.connectMs ?? 5_000,
        socketTimeout: options.idleMs ?? 60_000,
        httpAgent: agent,
        httpsAgent: agent,
      },
    });
  }

  /**
   * Sends a request, again after a pause while there is no answer or a passing one. `what` names it in errors. Rejects
   * with the signal's reason when told to stop.
   */
  async send<T>(what: string, call: S3Call<T>, signal: AbortSignal | undefined): Promise<T> {
    try {
      return await this.#ask(what, call, signal);
    } catch (error) {
      // A storage says which bucket or upload it lacks; a web server says only that it lacks something.
      throw isMissing(error) ? notS3(what) : error;
    }
  }

  /** The same of what may be missing: null then. */
  async find<T>(what: string, call: S3Call<T>, signal: AbortSignal | undefined): Promise<T | null> {
    try {
      return await this.#ask(what, call, signal);
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async #ask<T>(what: string, call: S3Call<T>, signal: AbortSignal | undefined): Promise<T> {
    for (let tried = 1; ; tried++) {
      signal?.throwIfAborted();
      try {
        return await call(this.#client, signal === undefined ? {} : { abortSignal: signal });
      } catch (cause) {
        signal?.throwIfAborted();
        const { error, isPassing } = failureOf(cause, what);
        if (!isPassing || this.#tries <= tried) throw error;
        this.#env.report({
          level: "debug",
          event: "destination_tried_again",
          details: { what, tried, ...error.details },
        });
      }
      // Half of the pause by chance, so that those who failed together do not come back together.
      const pauseMs = this.#pauseMs * 2 ** (tried - 1) * (0.5 + this.#env.random.unit() / 2);
      await this.#env.clock.sleep(pauseMs, signal);
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof EpsilonError && error.code === "object_not_found";
}
