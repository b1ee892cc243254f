/** A data folder that is in use, not writable, from a newer release, or damaged is refused by its code, untouched. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { createNodeEnv } from "@epsilon/env";
import { openLog } from "@epsilon/log";
import { event, StoreFixture } from "./fixture.ts";
import { openEmbeddedStore } from "./open.ts";
import { code } from "./suite.fixture.ts";

const env = createNodeEnv({ report: () => {} });

/** Opens the folder in a process of its own; what it prints is a code, or "open" while it holds the folder. */
function openElsewhere(
  directory: string,
  uid?: number,
): { readonly said: Promise<string>; end(): Promise<void> } {
  const script = `
    const { createNodeEnv } = await import(${JSON.stringify(import.meta.resolve("@epsilon/env"))});
    const { openEmbeddedStore } = await import(${JSON.stringify(new URL("open.js", import.meta.url).href)});
    try {
      const store = await openEmbeddedStore(createNodeEnv({ report: () => {} }), { directory: process.argv[1] });
      console.log("open");
      process.stdin.once("data", () => store.close().then(() => process.exit(0)));
    } catch (error) {
      console.log(error.code ?? error.stack);
      process.exit(0);
    }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, directory], {
    stdio: ["pipe", "pipe", "inherit"],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const said = new Promise<string>((resolve) => {
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      if (text.includes("\n")) resolve(text.trim());
    });
    child.once("exit", () => resolve(text.trim()));
  });
  // One that could not open the folder has ended by itself, and may have closed the pipe before it is told to.
  child.stdin.on("error", () => {});
  return {
    said,
    end: async () => {
      child.stdin.end("end\n");
      await ended;
    },
  };
}

async function withFolder(work: (directory: string) => Promise<void>): Promise<void> {
  const fixture = await StoreFixture.open("embedded");
  await fixture.write(
    Array.from({ length: 2000 }, (_, second) => event(second, { n: second, text: `t${second}` })),
  );
  await fixture.store.close();
  try {
    await work(fixture.directory);
  } finally {
    await rm(fixture.directory, { recursive: true, force: true });
  }
}

test("a folder that another process has open is data_in_use, until that process ends", async () => {
  await withFolder(async (directory) => {
    const other = openElsewhere(directory);
    assert.equal(await other.said, "open");
    const third = openElsewhere(directory);
    assert.equal(await third.said, "data_in_use");
    await third.end();
    await other.end();
    const store = await openEmbeddedStore(env, { directory });
    await store.close();
  });
});

test("a folder that cannot be written is data_not_writable", async () => {
  await withFolder(async (directory) => {
    // Permissions do not hold root up, so root asks somebody else to try.
    const isRoot = process.getuid?.() === 0;
    const nobody = isRoot ? 65_534 : undefined;
    if (!isRoot) {
      await chmod(join(directory, "data.duckdb"), 0o444);
      await chmod(directory, 0o555);
    }
    const other = openElsewhere(directory, nobody);
    assert.equal(await other.said, "data_not_writable");
    await other.end();
    if (!isRoot) await chmod(directory, 0o755);
  });
});

test("a folder below a file is an error that names it", async () => {
  const parent = await mkdtemp(join(tmpdir(), "epsilon-folder-"));
  await writeFile(join(parent, "file"), "");
  const opening = openEmbeddedStore(env, { directory: join(parent, "file", "data") });
  await assert.rejects(opening, (error: Error) => error.message.includes(parent));
  await rm(parent, { recursive: true });
});

test("a folder of a newer release is data_from_newer_version, and stays as it is", async () => {
  await withFolder(async (directory) => {
    const instance = await DuckDBInstance.create(join(directory, "data.duckdb"));
    const connection = await instance.connect();
    await connection.run("UPDATE epsilon.meta SET value = '999' WHERE key = 'format'");
    connection.closeSync();
    instance.closeSync();
    const before = await readFile(join(directory, "data.duckdb"));
    assert.equal(await code(openEmbeddedStore(env, { directory })), "data_from_newer_version");
    assert.deepEqual(await readFile(join(directory, "data.duckdb")), before);
  });
});

test("a file that is no database is table_damaged", async () => {
  await withFolder(async (directory) => {
    await writeFile(
      join(directory, "data.duckdb"),
      "this is not a database at all, whatever its name says".repeat(400),
    );
    assert.equal(await code(openEmbeddedStore(env, { directory })), "table_damaged");
  });
});

test("flipped bytes in the database are found by the check, or before", async () => {
  await withFolder(async (directory) => {
    const path = join(directory, "data.duckdb");
    const bytes = await readFile(path);
    // Past the headers (12 KiB), in the middle of every block of 256 KiB.
    for (let at = 12_288 + 4096; at < bytes.length; at += 262_144) bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    await writeFile(path, bytes);
    const findings: string[] = [];
    try {
      const store = await openEmbeddedStore(env, { directory });
      const report = await store.check({});
      findings.push(...report.findings.map((finding) => finding.code));
      await store.close();
    } catch (error) {
      findings.push((error as { code: string }).code);
    }
    assert.ok(findings.includes("table_damaged"), `found ${findings.join(", ") || "nothing"}`);
  });
});

test("a log that begins after what the tables have applied is refused", async () => {
  const directory = await mkdtemp(join(tmpdir(), "epsilon-folder-"));
  const log = await openLog(env, {
    directory: join(directory, "log"),
    fileBytesMax: 1_000_000,
    firstOffset: 5000,
  });
  await log.append("{}", []).durable;
  await log.close();
  assert.equal(await code(openEmbeddedStore(env, { directory })), "log_damaged");
  await rm(directory, { recursive: true });
});
