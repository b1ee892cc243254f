/** What every file system keeps while nothing goes wrong. `directory` is an absent path under a folder that is there. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Files } from "./env.ts";
import { publishFile } from "./publish-file.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const shown = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export function filesConformance(
  name: string,
  make: () => Promise<{ readonly files: Files; readonly directory: string }>,
): void {
  const scenario = (what: string, run: (files: Files, directory: string) => Promise<void>): void => {
    test(`${name} files: ${what}`, async () => {
      const { files, directory } = await make();
      await files.makeDirectory(directory);
      await run(files, directory);
    });
  };

  scenario("what is appended is read back, in order, across reopening", async (files, directory) => {
    const path = `${directory}/a`;
    const created = await files.open(path, "create");
    await created.append([text("one "), text(""), text("two ")]);
    await created.append([]);
    await created.sync();
    await created.close();
    const again = await files.open(path, "append");
    await again.append([text("three")]);
    assert.equal(await again.sizeBytes(), 13);
    assert.equal(shown(await again.read(0, 100)), "one two three");
    await again.close();
    const reading = await files.open(path, "read");
    assert.equal(shown(await reading.read(4, 3)), "two");
    assert.equal(shown(await reading.read(8, 100)), "three");
    assert.equal((await reading.read(13, 5)).length, 0);
    assert.equal((await reading.read(500, 5)).length, 0);
    await reading.close();
  });

  scenario("more buffers than one system call takes", async (files, directory) => {
    const file = await files.open(`${directory}/many`, "create");
    const buffers = Array.from({ length: 2500 }, (_, index) => text(`${index},`));
    await file.append(buffers);
    const expected = Array.from({ length: 2500 }, (_, index) => `${index},`).join("");
    assert.equal(shown(await file.read(0, expected.length + 1)), expected);
    await file.close();
  });

  scenario("a link is a second name, and never takes one that is there", async (files, directory) => {
    const [first, second, third] = [`${directory}/one`, `${directory}/two`, `${directory}/three`];
    await publishFile(files, first, text("first"));
    await publishFile(files, third, text("third"));
    assert.equal(await files.link(first, second), true);
    assert.equal(await files.link(third, second), false);
    await files.remove(first);
    const file = await files.open(second, "read");
    assert.equal(shown(await file.read(0, 100)), "first");
    await file.close();
    await assert.rejects(files.link(first, `${directory}/four`), { code: "file_not_found" });
  });

  scenario("a cut file goes on from the cut", async (files, directory) => {
    const file = await files.open(`${directory}/a`, "create");
    await file.append([text("0123456789")]);
    await file.truncate(4);
    await file.append([text("x")]);
    assert.equal(shown(await file.read(0, 100)), "0123x");
    await file.close();
  });

  scenario("a handle opened for reading does not write", async (files, directory) => {
    await publishFile(files, `${directory}/a`, text("kept"));
    const file = await files.open(`${directory}/a`, "read");
    await assert.rejects(file.append([text("x")]), { name: "EpsilonError" });
    assert.equal(shown(await file.read(0, 100)), "kept");
    await file.close();
  });

  scenario("create refuses what is there, append and read what is not", async (files, directory) => {
    await (await files.open(`${directory}/a`, "create")).close();
    await assert.rejects(files.open(`${directory}/a`, "create"), { code: "io_error" });
    await assert.rejects(files.open(`${directory}/b`, "append"), { code: "file_not_found" });
    await assert.rejects(files.open(`${directory}/b`, "read"), { code: "file_not_found" });
    await assert.rejects(files.open(`${directory}/no/b`, "create"), { code: "file_not_found" });
    assert.equal(await files.exists(`${directory}/b`), false);
  });

  scenario("names: list, rename, remove, exists", async (files, directory) => {
    for (const leaf of ["c", "a", "b"]) await publishFile(files, `${directory}/${leaf}`, text(leaf));
    await files.makeDirectory(`${directory}/folder/inner`);
    assert.deepEqual(await files.list(directory), ["a", "b", "c", "folder"]);
    assert.equal(await files.exists(`${directory}/folder`), true);
    assert.equal(await files.fileSizeBytes(`${directory}/folder`), null);
    await assert.rejects(files.fileSizeBytes(`${directory}/nothing`), { code: "file_not_found" });
    await files.rename(`${directory}/a`, `${directory}/b`);
    await files.remove(`${directory}/c`);
    await files.syncDirectory(directory);
    assert.deepEqual(await files.list(directory), ["b", "folder"]);
    const file = await files.open(`${directory}/b`, "read");
    assert.equal(shown(await file.read(0, 10)), "a");
    await file.close();
    await assert.rejects(files.remove(`${directory}/c`), { code: "file_not_found" });
    await assert.rejects(files.rename(`${directory}/c`, `${directory}/d`), { code: "file_not_found" });
    await assert.rejects(files.list(`${directory}/none`), { code: "file_not_found" });
    await assert.rejects(files.syncDirectory(`${directory}/none`), { code: "file_not_found" });
  });

  scenario("a folder may be made twice", async (files, directory) => {
    await files.makeDirectory(`${directory}/x/y/z`);
    await files.makeDirectory(`${directory}/x/y/z`);
    assert.deepEqual(await files.list(`${directory}/x/y`), ["z"]);
  });

  scenario("an open file outlives its name", async (files, directory) => {
    await publishFile(files, `${directory}/a`, text("still here"));
    const file = await files.open(`${directory}/a`, "read");
    await files.remove(`${directory}/a`);
    assert.equal(shown(await file.read(0, 100)), "still here");
    await file.close();
  });

  scenario(
    "a renamed file keeps its identity, a new one of its name has another",
    async (files, directory) => {
      const path = `${directory}/a`;
      assert.equal(await files.identity(path), null);
      await (await files.open(path, "create")).close();
      const first = await files.open(path, "read");
      assert.equal(await first.identity(), await files.identity(path));
      await files.rename(path, `${directory}/b`);
      await (await files.open(path, "create")).close();
      assert.equal(await files.identity(`${directory}/b`), await first.identity());
      assert.notEqual(await files.identity(path), await first.identity());
      await first.close();
    },
  );

  scenario("a closed handle refuses", async (files, directory) => {
    const file = await files.open(`${directory}/a`, "create");
    await file.close();
    await assert.rejects(file.append([text("x")]), { code: "io_error" });
  });

  scenario("an error names the path", async (files, directory) => {
    await assert.rejects(files.remove(`${directory}/gone`), (error: unknown) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, /gone/);
      return true;
    });
  });

  scenario(
    "publishFile replaces whole files, also over what an earlier crash left",
    async (files, directory) => {
      const path = `${directory}/state`;
      await publishFile(files, path, text("a long first version"));
      await (await files.open(`${path}.tmp`, "create")).close();
      await publishFile(files, path, text("second"));
      const file = await files.open(path, "read");
      assert.equal(shown(await file.read(0, 100)), "second");
      await file.close();
      assert.deepEqual(await files.list(directory), ["state"]);
    },
  );
}
