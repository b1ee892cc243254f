/** A bucket of somebody else's S3 server, over HTTP. What that server lacks is asked of ours in s3-faults.test.ts. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createNodeEnv } from "@epsilon/env";
import S3rver from "s3rver";
import { describeObjects } from "./objects.conformance.ts";
import { contentOf, type Objects, readAll } from "./objects.ts";
import { openObjects } from "./open-objects.ts";
import { s3Objects } from "./s3-objects.ts";
import { accessFrom, type S3Environment } from "./s3-place.ts";

const env = createNodeEnv();
const keys = { AWS_ACCESS_KEY_ID: "S3RVER", AWS_SECRET_ACCESS_KEY: "S3RVER" };
let server: S3rver;
let folder: string;
let environment: S3Environment = {};
let opened = 0;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "epsilon-s3-"));
  server = new S3rver({
    address: "127.0.0.1",
    port: 0,
    directory: folder,
    silent: true,
    vhostBuckets: false,
    configureBuckets: [{ name: "kept" }],
  });
  const { port } = await server.run();
  environment = { ...keys, AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}` };
});

after(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

/** A prefix of its own is an empty place. */
function newPlace(): Objects {
  opened += 1;
  return s3Objects(env, `s3://kept/tests/${opened}`, environment);
}

describeObjects("a bucket", async () => newPlace());

describe("a place by what a person wrote", () => {
  const refusedText = async (where: string, message: RegExp): Promise<void> =>
    assert.rejects(openObjects(env, where, environment), { code: "bad_request", message });

  it("is a folder where there is no scheme", async () => {
    for (const path of ["a/folder", "C:/folder", join(folder, "new")])
      assert.equal((await openObjects(env, path, {})).url, path);
  });

  it("is refused with what to write instead", async () => {
    for (const where of ["gs://b", "https://storage.example/b", "file:///a", ""])
      await refusedText(where, /write a folder's path, or s3:\/\/bucket\/prefix/);
    for (const where of ["s3://", "s3:///prefix"]) await refusedText(where, /names no bucket: write s3:/);
    for (const where of ["s3://b", "s3://a b", "s3://-ab/c"])
      await refusedText(where, /no bucket can have that name/);
    for (const where of ["s3://kept/../x", "s3://kept/a//b", "s3://kept/ä"])
      await refusedText(where, /prefix/);
  });

  it("repeats no secret that somebody wrote into the address", async () => {
    for (const where of ["s3://key:hush-hush@kept/x", "s3://kept?secret=hush-hush"])
      await assert.rejects(
        openObjects(env, where, environment),
        (error: Error) => !/hush/.test(error.message),
      );
    const bad = { ...keys, AWS_ENDPOINT_URL: "https://key:hush-hush@storage.example" };
    await assert.rejects(
      openObjects(env, "s3://kept", bad),
      (error: Error) => /^AWS_ENDPOINT_URL is not/.test(error.message) && !/hush/.test(error.message),
    );
  });

  it("asks for the credentials that are missing, before any request", async () => {
    await assert.rejects(openObjects(env, "s3://kept", {}), {
      code: "destination_refused",
      message: /set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY/,
    });
    const half = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "" };
    await assert.rejects(openObjects(env, "s3://kept", half), { message: /set AWS_SECRET_ACCESS_KEY in/ });
  });

  it("takes region and session from the environment", () => {
    assert.equal(accessFrom(keys).region, "us-east-1");
    assert.equal(accessFrom({ ...keys, AWS_DEFAULT_REGION: "fra1" }).region, "fra1");
    assert.equal(accessFrom({ ...keys, AWS_REGION: "ams3", AWS_DEFAULT_REGION: "fra1" }).region, "ams3");
    assert.equal(accessFrom({ ...keys, AWS_SESSION_TOKEN: "t" }).credentials.sessionToken, "t");
    assert.equal(accessFrom({ ...keys, AWS_ENDPOINT_URL_S3: "", AWS_ENDPOINT_URL: "" }).endpoint, null);
    assert.equal(
      accessFrom({ ...keys, AWS_ENDPOINT_URL: "https://a.example" }).endpoint,
      "https://a.example",
    );
  });
});

describe("a bucket", () => {
  it("has nothing to do with what else is in the bucket", async () => {
    const whole = s3Objects(env, "s3://kept", environment);
    const part = s3Objects(env, "s3://kept/apart", environment);
    await part.put("a/b", contentOf(new Uint8Array(3)));
    await whole.put("apartment/c", contentOf(new Uint8Array(4)));
    assert.deepEqual(await part.list(""), [{ name: "a/b", sizeBytes: 3 }]);
    assert.equal((await readAll(whole, "apart/a/b", { bytesMax: 10 })).length, 3);
  });

  it("is opened by its address", async () => {
    const objects = await openObjects(env, "S3://kept/by/address/", environment);
    assert.equal(objects.url, "s3://kept/by/address");
    await objects.put("x", contentOf(new Uint8Array(5)));
    assert.equal(await objects.sizeOf("x"), 5);
  });

  it("refuses keys that are not known, naming what to check", async () => {
    const unknown = s3Objects(env, "s3://kept", { ...environment, AWS_ACCESS_KEY_ID: "SOMEBODY" });
    await assert.rejects(unknown.list(""), { code: "destination_refused", message: /AWS_ACCESS_KEY_ID/ });
  });

  it("refuses a bucket that is not there", async () => {
    const objects = s3Objects(env, "s3://nowhere/x", environment);
    const refused = { code: "destination_refused", message: /no such bucket/ };
    await assert.rejects(objects.put("a", contentOf(new Uint8Array(5))), refused);
    await assert.rejects(objects.put("a", contentOf(new Uint8Array(9_000_000))), refused);
    await assert.rejects(objects.list(""), refused);
    await assert.rejects(readAll(objects, "a", { bytesMax: 10 }), refused);
  });
});
