/** What a storage's refusals and a network's failures mean, in our own errors. */

import { EpsilonError, type ErrorCode } from "@epsilon/model";

/** A failed request as our error, and whether the same request may succeed when it is tried again. */
export interface S3Failure {
  readonly error: EpsilonError;
  readonly isPassing: boolean;
}

// Ceph answers a full quota with 403, so that the code is looked at before the status.
const fullCodes = ["QuotaExceeded", "InsufficientStorage", "StorageFull", "XMinioStorageFull"];
const passingCodes = [
  "SlowDown",
  "Throttling",
  "ThrottlingException",
  "TooManyRequests",
  "RequestLimitExceeded",
  "RequestTimeout",
  "InternalError",
  "ServiceUnavailable",
  "OperationAborted",
  // Damaged on the way.
  "BadDigest",
  "IncompleteBody",
  "XAmzContentSHA256Mismatch",
];
const passingStatuses = [408, 409, 425, 429];
/** Of the server's own errors, those that stay. */
const lastingStatuses = [501, 505];

const keys = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
const elsewhere = "check AWS_REGION and AWS_ENDPOINT_URL_S3: the bucket is somewhere else";
const incompatible = "check that AWS_ENDPOINT_URL_S3 is an S3-compatible server";
const advices: Readonly<Record<string, string>> = {
  InvalidAccessKeyId:
    "the access key is not known there; check AWS_ACCESS_KEY_ID, and that AWS_ENDPOINT_URL_S3 is the server it is for",
  SignatureDoesNotMatch: "the secret key does not belong to the access key; check AWS_SECRET_ACCESS_KEY",
  NoSuchBucket:
    "there is no such bucket; create it, or check its name and that AWS_ENDPOINT_URL_S3 and AWS_REGION are where it is",
  ExpiredToken: "the credentials have expired; renew AWS_SESSION_TOKEN and the keys with it",
  InvalidToken: "the session token is not valid; check AWS_SESSION_TOKEN, and unset it for lasting keys",
  RequestTimeTooSkewed: "the clock of this machine is wrong; set it",
  PermanentRedirect: elsewhere,
  TemporaryRedirect: elsewhere,
  AuthorizationHeaderMalformed: elsewhere,
};

const certificatePattern = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|^ERR_TLS|^ERR_SSL/;

/** Translates what the SDK threw. `what` says which request it was, as "put of a/b at s3://bucket". */
export function failureOf(cause: unknown, what: string): S3Failure {
  const { status, answer } = readError(cause);
  const fail = (code: ErrorCode, why: string, isPassing = false): S3Failure => ({
    isPassing,
    // What a storage answers may repeat parts of the request, tokens among them; failures of the network do not.
    error: new EpsilonError(code, `${what}: ${why}`, {
      details: { answer, status },
      ...(status === null ? { cause } : {}),
    }),
  });
  if (status === 507 || fullCodes.includes(answer))
    return fail("disk_full", `the storage is full or its quota is used up (${answer})`);
  if (answer === "NoSuchUpload") return fail("destination_unreachable", "the storage forgot the upload");
  if (answer === "NoSuchKey" || (status === 404 && answer !== "NoSuchBucket"))
    return fail("object_not_found", "there is nothing of that name");
  if (isPassing(status, answer)) {
    const why = status === null ? `no answer (${answer})` : `the storage answered ${status} (${answer})`;
    return fail("destination_unreachable", `${why}; ${unreachableAdvice(status)}, then try again`, true);
  }
  if (status === null)
    return fail(
      "destination_refused",
      `its certificate is not trusted (${answer}); check AWS_ENDPOINT_URL_S3, or name its authority in NODE_EXTRA_CA_CERTS`,
    );
  return fail("destination_refused", `${adviceFor(status, answer)} (${status} ${answer})`);
}

/** Whether the storage no longer knows a multipart upload: it was completed and the answer lost, or it was cleaned away. */
export function isUploadGone(error: unknown): boolean {
  return error instanceof EpsilonError && error.details["answer"] === "NoSuchUpload";
}

/** For an answer that no S3 server gives: a web server may say 200 to anything, and keep nothing. */
export function notS3(what: string): EpsilonError {
  return new EpsilonError("destination_refused", `${what}: ${incompatible}`);
}

function unreachableAdvice(status: number | null): string {
  return status === null ? "check AWS_ENDPOINT_URL_S3 and the network" : "it is overloaded or failing; wait";
}

function isPassing(status: number | null, answer: string): boolean {
  if (passingCodes.includes(answer)) return true;
  if (status === null) return !certificatePattern.test(answer);
  // An error with a status of success is an answer that broke off or could not be read.
  return (
    status < 300 || passingStatuses.includes(status) || (500 <= status && !lastingStatuses.includes(status))
  );
}

function adviceFor(status: number, answer: string): string {
  const advice = Object.hasOwn(advices, answer) ? advices[answer] : undefined;
  if (advice !== undefined) return advice;
  if (status === 401 || status === 403)
    return `no permission; check ${keys}, and what the key may do with the bucket`;
  if (300 <= status && status < 400) return elsewhere;
  return `the storage refuses the request; ${incompatible}`;
}

/** The status, null if there was no answer, and the storage's or the system's name for what went wrong. */
function readError(cause: unknown): { readonly status: number | null; readonly answer: string } {
  if (typeof cause !== "object" || cause === null) return { status: null, answer: "unknown" };
  const field = (from: unknown, name: string): unknown =>
    typeof from === "object" && from !== null ? Reflect.get(from, name) : undefined;
  const status = [
    field(field(cause, "$metadata"), "httpStatusCode"),
    field(field(cause, "$response"), "statusCode"),
  ].find((value): value is number => typeof value === "number");
  const names = [field(cause, "Code"), field(cause, "code"), field(cause, "name")];
  // Only what looks like a name: the rest of what a server says does not go into messages.
  const answer = names.find((name): name is string => typeof name === "string" && /^\w{1,64}$/.test(name));
  return { status: status ?? null, answer: answer ?? "unknown" };
}
