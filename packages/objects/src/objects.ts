/**
 * A place that keeps whole, named things: a folder, or a bucket of an object storage. Snapshots go there.
 *
 * Names are paths with `/` between their parts; each part is of letters, digits, `.`, `_` and `-`, and does not begin
 * with a dot. One conformance suite holds every implementation to what is said here.
 */

import { EpsilonError } from "@epsilon/model";

/** What is to be kept. `read` is called again when a try failed. */
export interface Content {
  readonly sizeBytes: number;
  read(): AsyncIterable<Uint8Array>;
}

export interface ObjectInfo {
  readonly name: string;
  readonly sizeBytes: number;
}

/**
 * Every method rejects with an EpsilonError: `destination_unreachable` (try again later), `destination_refused` (wrong
 * credentials, no such bucket, no permission: a person has to look), `disk_full`, `io_error`.
 */
export interface Objects {
  /** Where it is, as a person wrote it, without credentials. */
  readonly url: string;
  /** Keeps `content` under `name`, replacing what was there. Whole or not at all; durable when it settles. */
  put(name: string, content: Content, signal?: AbortSignal): Promise<void>;
  /** What is kept under a name. Breaks off with `object_not_found` if nothing is. */
  get(name: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** The size of what is kept under a name, bytes; null if nothing is. */
  sizeOf(name: string, signal?: AbortSignal): Promise<number | null>;
  /** Everything whose name begins with `prefix` (empty, or ending in `/`), in the order of the names. */
  list(prefix: string, signal?: AbortSignal): Promise<readonly ObjectInfo[]>;
  /** Forgets a name. No error if nothing is there. */
  remove(name: string, signal?: AbortSignal): Promise<void>;
}

const namePattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

/** Whether `name` may name something. */
export function isObjectName(name: string): boolean {
  return name.length <= 1000 && namePattern.test(name);
}

/** Throws `bad_request` unless `name` may name something. */
export function assertObjectName(name: string): void {
  if (isObjectName(name)) return;
  throw new EpsilonError("bad_request", `${JSON.stringify(name.slice(0, 100))} cannot name an object`);
}

/** Bytes as content. */
export function contentOf(bytes: Uint8Array): Content {
  return {
    sizeBytes: bytes.length,
    async *read() {
      yield bytes;
    },
  };
}

/** Everything under a name at once, at most `bytesMax`. Rejects with `destination_damaged` if it is larger. */
export async function readAll(
  objects: Objects,
  name: string,
  options: { readonly bytesMax: number; readonly signal?: AbortSignal },
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of objects.get(name, options.signal)) {
    sizeBytes += part.length;
    if (sizeBytes > options.bytesMax) {
      throw new EpsilonError(
        "destination_damaged",
        `${name} is larger than ${options.bytesMax} bytes: it is not what was put there`,
      );
    }
    parts.push(part);
  }
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
