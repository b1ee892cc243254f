/** The places that need no server: a folder and memory. */

import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { createNodeEnv } from "@epsilon/env";
import { createSimEnv } from "@epsilon/env/testing";
import { folderObjects } from "./folder-objects.ts";
import { MemoryObjects } from "./memory-objects.ts";
import { describeObjects } from "./objects.conformance.ts";
import { contentOf, readAll } from "./objects.ts";

const made: string[] = [];
after(() => Promise.all(made.map((folder) => rm(folder, { recursive: true }))));

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "epsilon-objects-"));
  made.push(folder);
  return folder;
}

describeObjects("a folder", async () => folderObjects(createNodeEnv(), `${await newFolder()}/new`));
describeObjects("memory", async () => new MemoryObjects());

describe("a folder", () => {
  it("leaves nothing lying about when the disk is full", async () => {
    const sim = createSimEnv(1);
    const files = sim.disk;
    const objects = folderObjects(sim, "/d");
    await objects.put("a/small", contentOf(new Uint8Array(10)));
    files.setCapacity(100);
    await assert.rejects(objects.put("a/large", contentOf(new Uint8Array(1000))), { code: "disk_full" });
    files.setCapacity(1_000_000);
    assert.equal(files.usedBytes, 10);
    await objects.put("a/large", contentOf(new Uint8Array(1000)));
    assert.equal(await objects.sizeOf("a/large"), 1000);
  });

  it("has the old or the new after a crash at any moment", async () => {
    for (let seed = 0; seed < 60; seed++) {
      const sim = createSimEnv(seed);
      const env = sim.boot();
      await folderObjects(env, "/d").put("a/x", contentOf(new Uint8Array(50).fill(1)));
      sim.disk.crashAfter(seed % 12);
      const put = folderObjects(env, "/d").put("a/x", contentOf(new Uint8Array(70).fill(2)));
      await put.catch((error: unknown) => assert.ok(error instanceof Error));
      sim.crash();
      const again = folderObjects(sim.boot(), "/d");
      const found = await readAll(again, "a/x", { bytesMax: 100 });
      const isWhole =
        (found.length === 50 && found.every((byte) => byte === 1)) ||
        (found.length === 70 && found.every((byte) => byte === 2));
      assert.ok(isWhole, `seed ${seed}: ${found.length} bytes`);
      assert.deepEqual(
        (await again.list("")).map(({ name }) => name),
        ["a/x"],
        `seed ${seed}`,
      );
    }
  });

  it("refuses a destination that cannot be written", async () => {
    const folder = await newFolder();
    const objects = folderObjects(createNodeEnv(), `${folder}/file`);
    await folderObjects(createNodeEnv(), folder).put("file", contentOf(new Uint8Array(1)));
    await assert.rejects(objects.put("a", contentOf(new Uint8Array(1))), { name: "EpsilonError" });
    assert.deepEqual(await readdir(folder), ["file"]);
  });
});
