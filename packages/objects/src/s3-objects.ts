/** A bucket of an S3-compatible storage as a place for objects. The only file that callers load the SDK by. */

import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
} from "@aws-sdk/client-s3";
import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { assertObjectName, type Content, isObjectName, type ObjectInfo, type Objects } from "./objects.ts";
import { failureOf, notS3 } from "./s3-errors.ts";
import { accessFrom, parseS3Url, type S3Environment, type S3Place } from "./s3-place.ts";
import { type S3Options, S3Requests } from "./s3-requests.ts";
import { S3Uploads } from "./s3-upload.ts";

export type { S3Environment } from "./s3-place.ts";
export type { S3Options } from "./s3-requests.ts";

const pageNames = 1000;

/**
 * The bucket at `where`, `s3://bucket/prefix`, with server, region and credentials from `environment`. Asks nothing of
 * the server yet. Throws `bad_request` if `where` is not such an address, `destination_refused` without credentials.
 *
 * What is got must be read on within a minute at a time: a connection that stands still that long is given up.
 */
export function s3Objects(
  env: Env,
  where: string,
  environment: S3Environment,
  options: S3Options = {},
): Objects {
  return new S3Objects(
    env,
    parseS3Url(where),
    new S3Requests(env, accessFrom(environment), options),
    options,
  );
}

class S3Objects implements Objects {
  readonly url: string;
  readonly #place: S3Place;
  readonly #requests: S3Requests;
  readonly #uploads: S3Uploads;

  constructor(env: Env, place: S3Place, requests: S3Requests, options: S3Options) {
    this.url = place.url;
    this.#place = place;
    this.#requests = requests;
    this.#uploads = new S3Uploads(env, requests, options.partBytes);
  }

  async put(name: string, content: Content, signal?: AbortSignal): Promise<void> {
    const { Bucket, Key } = this.#locate(name);
    await this.#uploads.put({ bucket: Bucket, key: Key, what: this.#say("put", name) }, content, signal);
  }

  async *get(name: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const target = this.#locate(name);
    const what = this.#say("get", name);
    const found = await this.#requests.find(
      what,
      (client, options) => client.send(new GetObjectCommand(target), options),
      signal,
    );
    if (found === null) throw new EpsilonError("object_not_found", `${this.url} has no ${name}`);
    const { Body, ContentLength } = found;
    let sizeBytes = 0;
    try {
      for await (const part of (Body ?? []) as AsyncIterable<Uint8Array>) {
        signal?.throwIfAborted();
        sizeBytes += part.length;
        yield part;
      }
    } catch (cause) {
      signal?.throwIfAborted();
      throw failureOf(cause, `${what}, after ${sizeBytes} bytes`).error;
    }
    signal?.throwIfAborted();
    if (ContentLength === undefined || ContentLength === sizeBytes) return;
    throw new EpsilonError(
      "destination_unreachable",
      `${what}: it broke off after ${sizeBytes} of ${ContentLength} bytes; try again`,
    );
  }

  async sizeOf(name: string, signal?: AbortSignal): Promise<number | null> {
    const target = this.#locate(name);
    const what = this.#say("size", name);
    const found = await this.#requests.find(
      what,
      (client, options) => client.send(new HeadObjectCommand(target), options),
      signal,
    );
    if (found === null) return null;
    if (found.ContentLength !== undefined) return found.ContentLength;
    throw notS3(what);
  }

  async list(prefix: string, signal?: AbortSignal): Promise<readonly ObjectInfo[]> {
    const found: ObjectInfo[] = [];
    const { bucket: Bucket, keyPrefix } = this.#place;
    const input = { Bucket, Prefix: keyPrefix + prefix, MaxKeys: pageNames };
    const what = this.#say("list", prefix);
    for (let ContinuationToken: string | undefined; ; ) {
      const page = await this.#requests.send(
        what,
        (client, options) => client.send(new ListObjectsV2Command({ ...input, ContinuationToken }), options),
        signal,
      );
      if (page.Name === undefined && page.IsTruncated === undefined) throw notS3(what);
      for (const { Key = "", Size = 0 } of page.Contents ?? []) {
        const name = Key.slice(keyPrefix.length);
        // Other programs leave things of their own in a bucket, as empty objects in place of folders.
        if (isObjectName(name)) found.push({ name, sizeBytes: Size });
      }
      if (page.IsTruncated !== true) return found.sort((a, b) => (a.name < b.name ? -1 : 1));
      if (page.NextContinuationToken === undefined || page.NextContinuationToken === ContinuationToken)
        throw new EpsilonError("destination_refused", `${what}: the storage does not list all that it has`);
      ContinuationToken = page.NextContinuationToken;
    }
  }

  async remove(name: string, signal?: AbortSignal): Promise<void> {
    const target = this.#locate(name);
    await this.#requests.find(
      this.#say("remove", name),
      (client, options) => client.send(new DeleteObjectCommand(target), options),
      signal,
    );
  }

  #locate(name: string): { readonly Bucket: string; readonly Key: string } {
    assertObjectName(name);
    return { Bucket: this.#place.bucket, Key: this.#place.keyPrefix + name };
  }

  #say(operation: string, name: string): string {
    return `${operation} of ${name === "" ? "everything" : name} at ${this.url}`;
  }
}
