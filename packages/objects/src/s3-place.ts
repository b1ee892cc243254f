/** Where an S3-compatible storage is and who asks: read from a URL and from the environment, without loading the SDK. */

import { EpsilonError } from "@epsilon/model";

/** The variables that every tool for S3 reads. The edge passes `process.env`; an empty one counts as absent. */
export interface S3Environment {
  readonly AWS_ENDPOINT_URL_S3?: string | undefined;
  readonly AWS_ENDPOINT_URL?: string | undefined;
  readonly AWS_ACCESS_KEY_ID?: string | undefined;
  readonly AWS_SECRET_ACCESS_KEY?: string | undefined;
  readonly AWS_SESSION_TOKEN?: string | undefined;
  readonly AWS_REGION?: string | undefined;
  readonly AWS_DEFAULT_REGION?: string | undefined;
}

/** A bucket, and what the keys in it begin with: empty, or ending in `/`. */
export interface S3Place {
  readonly url: string;
  readonly bucket: string;
  readonly keyPrefix: string;
}

/** Who asks, and which server. */
export interface S3Access {
  /** Null for Amazon's own. */
  readonly endpoint: string | null;
  readonly region: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}

const bucketPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;
const prefixPattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;
const howToWrite = "write s3://bucket or s3://bucket/prefix";

/** Takes `s3://bucket/prefix` apart. Throws `bad_request` if it is not that. */
export function parseS3Url(text: string): S3Place {
  const [, rest = ""] = /^s3:\/\/(.*)$/is.exec(text) ?? [];
  // Not repeated in the message: somebody's secret may stand there.
  if (/[@?#]/.test(rest))
    throw new EpsilonError(
      "bad_request",
      `the address has more than a bucket and a prefix: ${howToWrite}, and put credentials into AWS_ACCESS_KEY_ID ` +
        "and AWS_SECRET_ACCESS_KEY",
    );
  const [bucket = "", ...others] = rest.replace(/\/+$/, "").split("/");
  const shown = JSON.stringify(text.slice(0, 100));
  if (bucket === "") throw new EpsilonError("bad_request", `${shown} names no bucket: ${howToWrite}`);
  if (!bucketPattern.test(bucket))
    throw new EpsilonError("bad_request", `${shown}: no bucket can have that name; ${howToWrite}`);
  const prefix = others.join("/");
  // Keys have at most 1024 bytes, and the names of objects need some of them.
  if (prefix !== "" && !(prefixPattern.test(prefix) && prefix.length <= 500))
    throw new EpsilonError(
      "bad_request",
      `${shown}: the parts of a prefix are of letters, digits, ".", "_" and "-", and do not begin with a dot`,
    );
  return prefix === ""
    ? { url: `s3://${bucket}`, bucket, keyPrefix: "" }
    : { url: `s3://${bucket}/${prefix}`, bucket, keyPrefix: `${prefix}/` };
}

/** Reads the environment. Throws `destination_refused` without credentials, `bad_request` for a bad endpoint. */
export function accessFrom(environment: S3Environment): S3Access {
  const accessKeyId = environment.AWS_ACCESS_KEY_ID ?? "";
  const secretAccessKey = environment.AWS_SECRET_ACCESS_KEY ?? "";
  const missing = [
    ...(accessKeyId === "" ? ["AWS_ACCESS_KEY_ID"] : []),
    ...(secretAccessKey === "" ? ["AWS_SECRET_ACCESS_KEY"] : []),
  ];
  if (0 < missing.length)
    throw new EpsilonError(
      "destination_refused",
      `an S3 bucket needs credentials: set ${missing.join(" and ")} in the environment`,
    );
  const sessionToken = environment.AWS_SESSION_TOKEN ?? "";
  return {
    endpoint: endpointFrom(environment),
    region: environment.AWS_REGION || environment.AWS_DEFAULT_REGION || "us-east-1",
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === "" ? {} : { sessionToken }) },
  };
}

function endpointFrom(environment: S3Environment): string | null {
  const variable = environment.AWS_ENDPOINT_URL_S3 ? "AWS_ENDPOINT_URL_S3" : "AWS_ENDPOINT_URL";
  const text = environment[variable] ?? "";
  if (text === "") return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url !== null && url.username === "" && url.password === "";
  if (isPlain && (url.protocol === "https:" || url.protocol === "http:")) return text;
  throw new EpsilonError(
    "bad_request",
    `${variable} is not an http or https address without credentials: write it as https://storage.example`,
  );
}
