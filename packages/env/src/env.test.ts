/** Both versions of the world against the same conformance suites. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createBrowserEnv } from "./browser-env.ts";
import { clockConformance } from "./clock.conformance.ts";
import type { Network } from "./env.ts";
import { filesConformance } from "./files.conformance.ts";
import { type Asked, type NetworkUnderTest, networkConformance, type Reply } from "./network.conformance.ts";
import { crc32 } from "./node-crc32.ts";
import { createNodeEnv } from "./node-env.ts";
import { fileError } from "./node-errors.ts";
import { dropBytes } from "./node-files.ts";
import { processesConformance } from "./processes.conformance.ts";
import { randomConformance } from "./random.conformance.ts";
import { createSimEnv } from "./sim-env.ts";
import { noAnswer } from "./sim-network.ts";

clockConformance("node", () => ({ clock: createNodeEnv().clock, advance: async () => undefined }));
clockConformance("browser", () => ({ clock: createBrowserEnv().clock, advance: async () => undefined }));
clockConformance("simulated", () => createSimEnv(1));

randomConformance("node", () => createNodeEnv().random);
randomConformance("browser", () => createBrowserEnv().random);
randomConformance("simulated", () => createSimEnv(1).random);

processesConformance("node", () => createNodeEnv().processes);
processesConformance("simulated", () => createSimEnv(1).boot().processes);

const folders: string[] = [];
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

filesConformance("node", async () => {
  const folder = await mkdtemp(join(tmpdir(), "epsilon-env-"));
  folders.push(folder);
  return { files: createNodeEnv().files, directory: `${folder}/new/deeper` };
});
filesConformance("simulated", async () => ({ files: createSimEnv(1).files, directory: "/data/deeper" }));

for (const [name, env] of [
  ["node", createNodeEnv()],
  ["browser", createBrowserEnv()],
] as const)
  networkConformance(name, (reply) => overSockets(env.network, reply));

async function overSockets(network: Network, reply: (asked: Asked) => Reply): Promise<NetworkUnderTest> {
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const header = request.headers["x-test"];
    const answer = reply({
      method: request.method ?? "",
      path: request.url ?? "",
      header: typeof header === "string" ? header : undefined,
      body: Buffer.concat(chunks).toString(),
    });
    response.writeHead(answer.status, answer.headers);
    for (const chunk of answer.chunks) await new Promise<void>((done) => response.write(chunk, () => done()));
    if (answer.broken === true) response.destroy();
    else response.end();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return {
    network,
    origin: `http://127.0.0.1:${address.port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

networkConformance("simulated", async (reply) => {
  const { network } = createSimEnv(1);
  const origin = "http://instance:9090";
  const end = network.serve(origin, (request) => {
    const { pathname, search } = new URL(request.url);
    const answer = reply({
      method: request.method,
      path: pathname + search,
      header: request.headers["x-test"],
      body: new TextDecoder().decode(request.body),
    });
    const body = async function* () {
      for (const chunk of answer.chunks) yield new TextEncoder().encode(chunk);
      if (answer.broken === true) throw noAnswer(origin);
    };
    return { status: answer.status, headers: answer.headers, body: body() };
  });
  return { network, origin, stop: async () => end() };
});

test("crc32: the known value, and going on from a part", () => {
  assert.equal(crc32("123456789"), 0xcbf43926);
  const bytes = new TextEncoder().encode("123456789");
  assert.equal(crc32(bytes.subarray(4), crc32(bytes.subarray(0, 4))), 0xcbf43926);
  // Views with and without memory behind them.
  for (const empty of ["", new TextEncoder().encode(""), new Uint8Array(0), bytes.subarray(3, 3)])
    assert.equal(crc32(empty, 0xcbf43926), 0xcbf43926);
});

test("a partial write leaves the rest of the buffers", () => {
  const buffers = ["ab", "", "cde", "f"].map((part) => Buffer.from(part));
  for (let count = 0; count <= 6; count += 1)
    assert.equal(Buffer.concat(dropBytes(buffers, count)).toString(), "abcdef".slice(count));
});

test("what the system says becomes a code that says what to do", () => {
  const codeOf = (errno: string): string =>
    fileError("append to", "/data/log", Object.assign(new Error(errno), { code: errno })).code;
  assert.equal(codeOf("ENOSPC"), "disk_full");
  assert.equal(codeOf("EDQUOT"), "disk_full");
  assert.equal(codeOf("EACCES"), "data_not_writable");
  assert.equal(codeOf("EROFS"), "data_not_writable");
  assert.equal(codeOf("ENOENT"), "file_not_found");
  assert.equal(codeOf("EEXIST"), "io_error");
  assert.equal(codeOf("EIO"), "io_error");
  const cause = Object.assign(new Error("x"), { code: "ENOSPC" });
  assert.equal(fileError("append to", "/data/log", cause).cause, cause);
  assert.match(fileError("append to", "/data/log", cause).message, /\/data\/log.*make room/);
});

test("the node clock tells calls within a millisecond apart and follows Date.now", () => {
  const { clock } = createNodeEnv();
  const before = BigInt(Date.now()) * 1000n;
  const now = clock.nowMicros();
  assert.ok(before <= now && now <= BigInt(Date.now()) * 1000n + 999n);
});

test("a page without files says so", async () => {
  const { files, processes } = createBrowserEnv();
  await assert.rejects(files.list("/"), { code: "io_error" });
  assert.equal(processes.hostName, "browser");
  assert.equal(await processes.isAlive(processes.self), false);
});
