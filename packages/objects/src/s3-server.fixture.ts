/**
 * A small S3 server for tests: keeps objects in memory, checks every signature, pages its lists, and fails as it is
 * told. Like older storages it knows nothing of checksums beside the signed one.
 */

import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What is asked, for a test to decide how it fails. */
export interface S3Request {
  readonly operation: S3Operation;
  readonly key: string;
  /** How many of this operation came before. */
  readonly before: number;
}

export type S3Operation =
  | "put"
  | "get"
  | "head"
  | "delete"
  | "list"
  | "create"
  | "part"
  | "complete"
  | "abort"
  | "unknown";

/**
 * Nothing, an answer instead, no answer ever, a connection that breaks before or after the effect, or in the middle of
 * the answer's body; or a body that stands still in the middle.
 */
export type S3Fault =
  | "none"
  | "silent"
  | "break_before"
  | "break_after"
  | "cut_body"
  | "still_body"
  | { readonly status: number; readonly code: string }
  | { readonly status: number; readonly html: string };

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export class S3Server {
  readonly keys = { AWS_ACCESS_KEY_ID: "TESTKEY", AWS_SECRET_ACCESS_KEY: "a-secret-for-tests" };
  readonly objects = new Map<string, Uint8Array>();
  readonly uploads = new Map<string, Map<number, Uint8Array>>();
  readonly requests: S3Operation[] = [];
  /** The size of every part and object that came, in order. */
  readonly received: number[] = [];
  fault: (request: S3Request) => S3Fault = () => "none";
  readonly #http: Server;
  #uploads = 0;

  private constructor() {
    this.#http = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  /** A server with one empty bucket, `kept`. */
  static async start(): Promise<S3Server> {
    const server = new S3Server();
    await new Promise<void>((resolve) => server.#http.listen(0, "127.0.0.1", resolve));
    return server;
  }

  /** What leads to it. */
  get environment(): { readonly AWS_ENDPOINT_URL_S3: string } & S3Server["keys"] {
    const { port } = this.#http.address() as AddressInfo;
    return { ...this.keys, AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}` };
  }

  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  /** Forgets everything, faults too. */
  reset(): void {
    for (const each of [this.objects, this.uploads]) each.clear();
    this.requests.length = 0;
    this.received.length = 0;
    this.fault = () => "none";
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces);
    const url = new URL(request.url ?? "", "http://server");
    const [bucket = "", ...rest] = url.pathname.slice(1).split("/").map(decodeURIComponent);
    const key = rest.join("/");
    const operation = operationOf(request.method ?? "", key, url.searchParams);
    const before = this.requests.filter((each) => each === operation).length;
    this.requests.push(operation);
    const fault = this.fault({ operation, key, before });
    if (fault === "silent") return;
    if (fault === "break_before") return void response.destroy();
    const refusal = this.#refusal(request, url, bucket, body);
    const answer =
      typeof fault === "object"
        ? "html" in fault
          ? { status: fault.status, body: fault.html }
          : failure(fault.status, fault.code)
        : (refusal ?? this.#perform(operation, key, url.searchParams, body));
    if (fault === "break_after") return void response.destroy();
    const whole = Buffer.from(answer.body ?? "");
    response.writeHead(answer.status, { "content-length": whole.length, ...answer.headers });
    if (fault === "cut_body" || fault === "still_body") {
      response.write(whole.subarray(0, whole.length / 2));
      // Ended and not reset: what came so far arrives.
      if (fault === "cut_body") response.socket?.end();
      return;
    }
    response.end(request.method === "HEAD" ? undefined : whole);
  }

  #refusal(request: IncomingMessage, url: URL, bucket: string, body: Uint8Array): Answer | null {
    const { accessKeyId, signature, expected } = signaturesOf(request, url, this.keys.AWS_SECRET_ACCESS_KEY);
    if (accessKeyId !== this.keys.AWS_ACCESS_KEY_ID) return failure(403, "InvalidAccessKeyId");
    if (signature !== expected) return failure(403, "SignatureDoesNotMatch");
    const hash = request.headers["x-amz-content-sha256"];
    if (hash !== sha256(body)) return failure(400, "XAmzContentSHA256Mismatch");
    const newer = /^x-amz-(?:sdk-)?checksum|^x-amz-trailer/;
    if (Object.keys(request.headers).some((name) => newer.test(name))) return failure(501, "NotImplemented");
    return bucket === "kept" ? null : failure(404, "NoSuchBucket");
  }

  #perform(operation: S3Operation, key: string, query: URLSearchParams, body: Uint8Array): Answer {
    const uploadId = query.get("uploadId") ?? "";
    const upload = this.uploads.get(uploadId);
    const object = this.objects.get(key);
    switch (operation) {
      case "put":
        this.received.push(body.length);
        this.objects.set(key, body);
        return { status: 200, headers: { etag: `"${sha256(body)}"` } };
      case "get":
      case "head":
        return object === undefined ? failure(404, "NoSuchKey") : { status: 200, body: object };
      case "delete":
        this.objects.delete(key);
        return { status: 204 };
      case "list":
        return this.#list(query);
      case "create":
        this.#uploads += 1;
        this.uploads.set(`u${this.#uploads}`, new Map());
        return xml("InitiateMultipartUploadResult", `<UploadId>u${this.#uploads}</UploadId>`);
      case "part":
        if (upload === undefined) return failure(404, "NoSuchUpload");
        this.received.push(body.length);
        upload.set(Number(query.get("partNumber")), body);
        return { status: 200, headers: { etag: `"${sha256(body)}"` } };
      case "complete":
        return this.#complete(key, uploadId, upload, Buffer.from(body).toString());
      case "abort":
        return this.uploads.delete(uploadId) ? { status: 204 } : failure(404, "NoSuchUpload");
      case "unknown":
        return failure(501, "NotImplemented");
    }
  }

  #complete(
    key: string,
    uploadId: string,
    upload: ReadonlyMap<number, Uint8Array> | undefined,
    body: string,
  ): Answer {
    if (upload === undefined) return failure(404, "NoSuchUpload");
    const parts: Uint8Array[] = [];
    for (const [, text] of body.matchAll(/<Part>(.*?)<\/Part>/gs)) {
      const part = upload.get(Number(/<PartNumber>(\d+)</.exec(text ?? "")?.[1]));
      const etag = /<ETag>(?:"|&quot;)?(\w+)/.exec(text ?? "")?.[1];
      if (part === undefined || etag !== sha256(part)) return failure(400, "InvalidPart");
      parts.push(part);
    }
    this.objects.set(key, Buffer.concat(parts));
    this.uploads.delete(uploadId);
    return xml("CompleteMultipartUploadResult", `<Key>${key}</Key><ETag>"whole"</ETag>`);
  }

  #list(query: URLSearchParams): Answer {
    const prefix = query.get("prefix") ?? "";
    const pageNames = Math.min(1000, Number(query.get("max-keys") ?? 1000));
    const after = Buffer.from(query.get("continuation-token") ?? "", "base64").toString();
    const names = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && after < key).sort();
    const page = names.slice(0, pageNames);
    const isTruncated = page.length < names.length;
    const next = Buffer.from(page.at(-1) ?? "").toString("base64");
    const contents = page.map(
      (key) => `<Contents><Key>${key}</Key><Size>${this.objects.get(key)?.length}</Size></Contents>`,
    );
    const token = isTruncated ? `<NextContinuationToken>${next}</NextContinuationToken>` : "";
    const head = `<Name>kept</Name><IsTruncated>${isTruncated}</IsTruncated>${token}`;
    return xml("ListBucketResult", `${head}${contents.join("")}`);
  }
}

function operationOf(method: string, key: string, query: URLSearchParams): S3Operation {
  const isUpload = query.has("uploadId");
  if (key === "") return method === "GET" && query.get("list-type") === "2" ? "list" : "unknown";
  if (method === "PUT") return isUpload ? "part" : "put";
  if (method === "POST") return isUpload ? "complete" : query.has("uploads") ? "create" : "unknown";
  if (method === "DELETE") return isUpload ? "abort" : "delete";
  return method === "GET" ? "get" : method === "HEAD" ? "head" : "unknown";
}

/** The signature that came and the one that should have, after Amazon's "Signature Version 4". */
function signaturesOf(
  request: IncomingMessage,
  url: URL,
  secret: string,
): { readonly accessKeyId: string; readonly signature: string; readonly expected: string } {
  const authorization = request.headers.authorization ?? "";
  const [, credential = ""] = /Credential=([^,\s]+)/.exec(authorization) ?? [];
  const [, signed = ""] = /SignedHeaders=([^,\s]+)/.exec(authorization) ?? [];
  const [, signature = ""] = /Signature=(\w+)/.exec(authorization) ?? [];
  const [accessKeyId = "", ...scope] = credential.split("/");
  const query = url.search.slice(1).split("&").filter(Boolean);
  const canonical = [
    request.method,
    url.pathname,
    query
      .map((pair) => (pair.includes("=") ? pair : `${pair}=`))
      .sort()
      .join("&"),
    ...signed.split(";").map((name) => `${name}:${String(request.headers[name]).trim()}`),
    "",
    signed,
    request.headers["x-amz-content-sha256"],
  ].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope.join("/"), sha256(canonical)].join(
    "\n",
  );
  const hmac = (key: string | Buffer, text: string): Buffer =>
    createHmac("sha256", key).update(text).digest();
  const expected = hmac(scope.reduce<string | Buffer>(hmac, `AWS4${secret}`), toSign).toString("hex");
  return { accessKeyId, signature, expected };
}

function xml(root: string, inner: string, status = 200): Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<${root}>${inner}</${root}>`;
  return { status, headers: { "content-type": "application/xml" }, body };
}

function failure(status: number, code: string): Answer {
  return xml("Error", `<Code>${code}</Code><Message>as the test wants it</Message>`, status);
}

function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
