/** A bucket whose server refuses, breaks off, is silent, or is none. */

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { createNodeEnv, type Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { describeObjects } from "./objects.conformance.ts";
import { type Content, contentOf, type Objects, readAll } from "./objects.ts";
import { s3Objects } from "./s3-objects.ts";
import type { S3Options } from "./s3-requests.ts";
import { type S3Fault, type S3Operation, S3Server } from "./s3-server.fixture.ts";

const env = createNodeEnv();
const partBytes = 1000;
const quick = { pauseMs: 1, idleMs: 200, partBytes };
let server: S3Server;

before(async () => {
  server = await S3Server.start();
});
after(() => server.stop());
beforeEach(() => server.reset());

function open(options: S3Options = quick, where = "s3://kept/deep/er"): Objects {
  return s3Objects(env, where, server.environment, options);
}

/** Fails the first `times` of an operation. */
function failing(operation: S3Operation, fault: S3Fault, times = Number.POSITIVE_INFINITY): void {
  server.fault = (request) => (request.operation === operation && request.before < times ? fault : "none");
}

const some = (sizeBytes: number): Content =>
  contentOf(new Uint8Array(sizeBytes).map((_, index) => (index * 7) % 251));
const read = (objects: Objects, name: string): Promise<Uint8Array> =>
  readAll(objects, name, { bytesMax: 1e6 });
const count = (operation: S3Operation): number => server.requests.filter((each) => each === operation).length;
const passing: readonly S3Fault[] = [
  { status: 503, code: "SlowDown" },
  { status: 500, code: "InternalError" },
  { status: 429, code: "TooManyRequests" },
  "break_before",
  "silent",
];

describeObjects("a bucket that checks signatures", async () => {
  server.reset();
  return open({});
});

describe("a bucket whose server fails for a while", () => {
  for (const fault of passing)
    it(`is asked again: ${JSON.stringify(fault)}`, async () => {
      const objects = open();
      for (const operation of ["put", "create", "part", "complete"] as const) {
        server.reset();
        failing(operation, fault, 2);
        const content = some(operation === "put" ? 500 : 2500);
        await objects.put("a", content);
        assert.equal(
          server.requests.filter((each) => each === operation).length,
          operation === "part" ? 5 : 3,
        );
        assert.equal(server.uploads.size, 0);
        assert.equal((await read(objects, "a")).length, content.sizeBytes);
      }
      failing("get", fault, 2);
      assert.equal((await read(objects, "a")).length, 2500);
      failing("list", fault, 2);
      assert.deepEqual(await objects.list(""), [{ name: "a", sizeBytes: 2500 }]);
      failing("head", fault, 2);
      assert.equal(await objects.sizeOf("a"), 2500);
      failing("delete", fault, 2);
      await objects.remove("a");
      assert.equal(server.objects.size, 0);
    });

  it("is given up after four tries, with growing pauses between them", async () => {
    const pauses: number[] = [];
    const clock = { ...env.clock, sleep: async (ms: number) => void pauses.push(ms) };
    const watched: Env = { ...env, clock };
    failing("head", { status: 503, code: "SlowDown" });
    const objects = s3Objects(watched, "s3://kept", server.environment);
    await assert.rejects(objects.sizeOf("a"), { code: "destination_unreachable", message: /503/ });
    assert.equal(count("head"), 4);
    assert.equal(pauses.length, 3);
    for (const [index, most] of [500, 1000, 2000].entries())
      assert.ok(most / 2 <= (pauses[index] ?? 0) && (pauses[index] ?? 0) <= most, String(pauses));
  });

  it("loses nothing when the answer to the last request of an upload is lost", async () => {
    failing("complete", "break_after", 1);
    const objects = open();
    await objects.put("a", some(2500));
    assert.equal(count("create"), 2);
    assert.equal(server.uploads.size, 0);
    assert.equal((await read(objects, "a")).length, 2500);
  });
});

describe("a bucket whose server does not answer", () => {
  it("is unreachable where nobody listens, with the reason and no secret", async () => {
    const gone = await S3Server.start();
    const environment = gone.environment;
    await gone.stop();
    await assert.rejects(
      s3Objects(env, "s3://kept", environment, quick).put("a", some(5)),
      (error: unknown) =>
        error instanceof EpsilonError &&
        error.code === "destination_unreachable" &&
        /ECONNREFUSED.*AWS_ENDPOINT_URL_S3/.test(error.message) &&
        error.cause instanceof Error &&
        !error.message.includes(environment.AWS_SECRET_ACCESS_KEY),
    );
  });

  it("is unreachable when it is silent for long", async () => {
    failing("list", "silent");
    await assert.rejects(open({ ...quick, tries: 2, idleMs: 50 }).list(""), {
      code: "destination_unreachable",
    });
    assert.equal(count("list"), 2);
  });

  it("gives no end to a body that is cut or stands still", async () => {
    for (const fault of ["cut_body", "still_body"] as const) {
      server.reset();
      const objects = open();
      await objects.put("a", some(1000));
      failing("get", fault);
      let came = 0;
      const reading = (async () => {
        for await (const part of objects.get("a")) came += part.length;
      })();
      await assert.rejects(reading, { code: "destination_unreachable" }, fault);
      assert.equal(came, 500);
    }
  });

  it("can be left at any time", async () => {
    const objects = open({ ...quick, idleMs: 60_000, pauseMs: 60_000 });
    await objects.put("a", some(1000));
    const stopped = new RangeError("enough");
    for (const [operation, fault, run] of [
      ["put", "silent", (signal) => objects.put("b", some(10), signal)],
      ["part", "silent", (signal) => objects.put("b", some(2500), signal)],
      ["complete", { status: 503, code: "SlowDown" }, (signal) => objects.put("b", some(2500), signal)],
      ["get", "silent", (signal) => readAll(objects, "a", { bytesMax: 1e6, signal })],
      ["get", "still_body", (signal) => readAll(objects, "a", { bytesMax: 1e6, signal })],
      ["list", "silent", (signal) => objects.list("", signal)],
      ["head", "silent", (signal) => objects.sizeOf("a", signal)],
      ["delete", "silent", (signal) => objects.remove("a", signal)],
    ] as readonly (readonly [S3Operation, S3Fault, (signal: AbortSignal) => Promise<unknown>])[]) {
      const controller = new AbortController();
      server.fault = (request) => {
        if (request.operation !== operation) return "none";
        setTimeout(() => controller.abort(stopped), 20);
        return fault;
      };
      await assert.rejects(run(controller.signal), (error) => error === stopped, operation);
      assert.equal(server.uploads.size, 0, operation);
    }
    assert.deepEqual([...server.objects.keys()], ["deep/er/a"]);
  });
});

describe("a bucket whose server refuses", () => {
  it("is not asked again, and says what to check", async () => {
    for (const [status, code, message] of [
      [403, "AccessDenied", /no permission; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY/],
      [401, "Unauthorized", /no permission/],
      [403, "InvalidAccessKeyId", /AWS_ACCESS_KEY_ID/],
      [400, "ExpiredToken", /AWS_SESSION_TOKEN/],
      [403, "RequestTimeTooSkewed", /clock/],
      [400, "AuthorizationHeaderMalformed", /AWS_REGION/],
      [301, "PermanentRedirect", /AWS_REGION/],
      [501, "NotImplemented", /S3-compatible/],
      [400, "KeyTooLongError", /400 KeyTooLongError/],
    ] as const)
      for (const operation of ["put", "create"] as const) {
        server.reset();
        failing(operation, { status, code });
        const content = some(operation === "put" ? 10 : 2500);
        await assert.rejects(open().put("a", content), { code: "destination_refused", message });
        assert.deepEqual(server.requests, [operation]);
      }
    for (const [operation, run] of [
      ["head", () => open().sizeOf("a")],
      ["get", () => read(open(), "a")],
      ["list", () => open().list("")],
      ["delete", () => open().remove("a")],
    ] as const) {
      failing(operation, { status: 403, code: "AccessDenied" });
      await assert.rejects(run(), { code: "destination_refused", message: /no permission/ }, operation);
    }
  });

  it("knows a wrong secret by the signature", async () => {
    const environment = { ...server.environment, AWS_SECRET_ACCESS_KEY: "hush-hush" };
    const objects = s3Objects(env, "s3://kept", environment, quick);
    await assert.rejects(
      objects.put("a", some(5)),
      (error: unknown) =>
        error instanceof EpsilonError &&
        error.code === "destination_refused" &&
        error.message.includes("AWS_SECRET_ACCESS_KEY") &&
        !/hush/.test(JSON.stringify([error.message, error.details])),
    );
  });

  it("is full", async () => {
    for (const fault of [
      { status: 507, code: "XMinioStorageFull" },
      { status: 403, code: "QuotaExceeded" },
    ]) {
      failing("part", fault);
      await assert.rejects(open().put("a", some(2500)), { code: "disk_full" });
      assert.equal(server.uploads.size, 0);
    }
  });

  it("is no S3 server at all", async () => {
    const refused = {
      code: "destination_refused",
      message: /AWS_ENDPOINT_URL_S3 is an S3-compatible server/,
    };
    for (const status of [200, 404]) {
      server.fault = () => ({ status, html: "<html><body>It works!</body></html>" });
      await assert.rejects(open().list(""), refused);
      await assert.rejects(open().put("a", some(5)), refused);
      await assert.rejects(open().put("a", some(2500)), refused);
    }
  });
});

describe("an upload in parts", () => {
  it("has one part in memory at a time", async () => {
    let produced = 0;
    let most = 0;
    const content: Content = {
      sizeBytes: 10_300,
      async *read() {
        for (const sizeBytes of [...Array(100).fill(100), 300]) {
          const received = server.received.reduce((sum, each) => sum + each, 0);
          most = Math.max(most, produced - received);
          produced += sizeBytes;
          yield new Uint8Array(sizeBytes).fill(produced);
        }
      },
    };
    await open().put("a", content);
    assert.deepEqual(server.received, [...Array(10).fill(partBytes), 300]);
    assert.ok(most <= partBytes, String(most));
    const back = await read(open(), "a");
    assert.ok(
      back.every(
        (byte, index) =>
          byte === ((Math.min(Math.floor(index / 100), 100) + 1) * 100 + (index < 10_000 ? 0 : 200)) % 256,
      ),
    );
  });

  it("leaves no half, and what was there before, whatever breaks it off", async () => {
    const objects = open();
    await objects.put("a", some(10));
    const breaking = (sizeBytes: number, ...pieces: readonly (number | Error)[]): Content => ({
      sizeBytes,
      async *read() {
        for (const piece of pieces)
          if (typeof piece === "number") yield new Uint8Array(piece);
          else throw piece;
      },
    });
    await assert.rejects(objects.put("a", breaking(2500, 1500, new RangeError("gone"))), /gone/);
    for (const sizeBytes of [5, 1000, 2500, 3000])
      for (const content of [
        breaking(sizeBytes, sizeBytes - 1),
        breaking(sizeBytes, sizeBytes, 1),
        breaking(sizeBytes, sizeBytes + 1),
        breaking(sizeBytes),
      ])
        await assert.rejects(objects.put("a", content), { code: "io_error" });
    for (const fault of [
      { status: 403, code: "AccessDenied" },
      { status: 503, code: "SlowDown" },
      "break_before",
    ] as const)
      for (const operation of ["part", "complete"] as const) {
        failing(operation, fault);
        await assert.rejects(objects.put("a", some(2500)), { name: "EpsilonError" });
      }
    assert.equal(server.uploads.size, 0);
    assert.equal((await read(objects, "a")).length, 10);
  });

  it("reports what it could not take back", async () => {
    const reported: string[] = [];
    const watched: Env = { ...env, report: ({ event }) => void reported.push(event) };
    server.fault = ({ operation }) =>
      operation === "part" || operation === "abort" ? { status: 403, code: "AccessDenied" } : "none";
    const objects = s3Objects(watched, "s3://kept", server.environment, quick);
    await assert.rejects(objects.put("a", some(2500)), { code: "destination_refused", message: /^put of a/ });
    assert.deepEqual(reported, ["upload_left_behind"]);
  });
});

describe("a list", () => {
  it("has more than one page, and none of what other programs left", async () => {
    const names = Array.from({ length: 2503 }, (_, index) => `many/${String(index).padStart(5, "0")}`);
    for (const name of names) server.objects.set(`deep/er/${name}`, new Uint8Array(1));
    for (const foreign of ["deep/er/", "deep/er/many/", "deep/er/many/a b", "deep/erratic"])
      server.objects.set(foreign, new Uint8Array(1));
    assert.deepEqual(
      (await open().list("")).map(({ name }) => name),
      names,
    );
    assert.equal(count("list"), 3);
  });
});
