/** A place for objects by what a person wrote: a folder's path or the address of a bucket. */

import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { folderObjects } from "./folder-objects.ts";
import type { Objects } from "./objects.ts";
import type { S3Environment } from "./s3-place.ts";

/**
 * The place at `where`: `s3://bucket/prefix`, with server and credentials from `environment`, or a folder's path.
 * Rejects with `bad_request` if it is neither, and with `destination_refused` if a bucket's credentials are missing.
 */
export async function openObjects(env: Env, where: string, environment: S3Environment): Promise<Objects> {
  // Two letters at least: one is a drive of Windows.
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(where)?.[1]?.toLowerCase();
  if (scheme === "s3") {
    // Loaded here, so that whoever uses a folder does not wait for the SDK.
    const { s3Objects } = await import("./s3-objects.ts");
    return s3Objects(env, where, environment);
  }
  if (where !== "" && scheme === undefined) return folderObjects(env, where);
  throw new EpsilonError(
    "bad_request",
    `${scheme === undefined ? "an empty text" : `${scheme}://`} is no place for objects: write a folder's path, or ` +
      "s3://bucket/prefix for a bucket, with its server's address in AWS_ENDPOINT_URL_S3 unless it is Amazon's",
  );
}
