/**
 * The published packages work where nothing of this repository is: unpacked into an empty folder, with the dependencies
 * that they declare and no others, the command serves, pushes, answers and stops, and the library does and has types.
 */

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { packAll } from "./pack.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const folder = mkdtempSync(join(tmpdir(), "epsilon-pack-"));
const home = join(folder, "home");
let instance;

after(() => {
  instance?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

before(async () => {
  for (const tarball of await packAll(join(folder, "packed"))) install(tarball);
});

/**
 * What `npm install` does, without the network: unpacks, and puts the declared dependencies beside it, from where they
 * are installed already.
 */
function install(tarball) {
  const name = tarball.includes("client") ? "epsilon-db-client" : "epsilon-db";
  const target = join(home, "node_modules", name);
  mkdirSync(target, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"]);
  const manifest = readManifest(name);
  for (const dependency of Object.keys(manifest.dependencies)) {
    const link = join(home, "node_modules", dependency);
    mkdirSync(dirname(link), { recursive: true });
    if (!existsSync(link)) symlinkSync(installedAt(dependency), link, "junction");
  }
}

function installedAt(dependency) {
  const places = ["", ...readdirSync(join(root, "packages")).map((name) => join("packages", name))];
  for (const place of places) {
    const path = join(root, place, "node_modules", dependency);
    if (existsSync(path)) return path;
  }
  return assert.fail(`${dependency} is declared and not installed`);
}

function readManifest(name) {
  return JSON.parse(readFileSync(join(home, "node_modules", name, "package.json"), "utf8"));
}

function epsilon(...words) {
  const { bin } = readManifest("epsilon-db");
  const path = join(home, "node_modules/epsilon-db", bin.epsilon);
  return execFileSync(process.execPath, [path, ...words], { cwd: home, encoding: "utf8" });
}

test("the manifests name nothing private, and what is in the folders is only what is needed", () => {
  for (const name of ["epsilon-db", "epsilon-db-client"]) {
    const manifest = readManifest(name);
    assert.equal(manifest.name, name);
    assert.notEqual(manifest.private, true);
    assert.deepEqual(
      Object.keys(manifest).filter((key) => key === "devDependencies" || key === "scripts"),
      [],
    );
    for (const dependency of Object.keys(manifest.dependencies))
      assert.ok(!dependency.startsWith("@epsilon/"));
    const files = readdirSync(join(home, "node_modules", name), { recursive: true });
    for (const file of ["LICENSE", "README.md"]) assert.ok(files.includes(file), `${name}: ${file}`);
    assert.deepEqual(
      files.filter((file) => /\.test\.|tsbuildinfo|\.map$/.test(file)),
      [],
    );
    for (const file of files.filter((path) => /\.(?:js|ts)$/.test(path)))
      assert.ok(!/["']@epsilon\//.test(readFileSync(join(home, "node_modules", name, file), "utf8")), file);
  }
});

test("the command serves, takes, answers, and stops", async () => {
  assert.match(epsilon("--help"), /Usage: epsilon/);
  assert.equal(epsilon("--version").trim(), readManifest("epsilon-db").version);
  const path = join(home, "node_modules/epsilon-db/bin/epsilon.js");
  instance = spawn(
    process.execPath,
    [path, "serve", "--data", join(home, "data"), "--listen", "127.0.0.1:0"],
    {
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let said = "";
  const url = await new Promise((resolve, reject) => {
    instance.stderr.on("data", (chunk) => {
      said += chunk;
      const [, found] = /listening on (\S+)/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
    instance.once("exit", () => reject(new Error(said)));
  });
  writeFileSync(join(home, "a.csv"), '_ts,name,n\n2026-01-31T12:00:00Z,"x, y",1\n');
  epsilon("push", "a.csv", "--to", url, "--quiet");
  assert.equal(
    epsilon("query", "SELECT count, sum(n)", "--from", url, "--format", "csv"),
    "count,sum(n)\n1,1\n",
  );

  writeFileSync(
    join(home, "use.mjs"),
    `import { createHttpClient, createNodeEnv } from "epsilon-db-client";
     const client = createHttpClient(createNodeEnv(), { url: process.argv[2] });
     const answer = await client.query("events", "SELECT count GROUP BY name");
     process.stdout.write(JSON.stringify(answer.summary));`,
  );
  const summary = execFileSync(process.execPath, ["use.mjs", url], { cwd: home, encoding: "utf8" });
  assert.deepEqual(JSON.parse(summary), [{ name: "x, y", count: 1 }]);

  writeFileSync(
    join(home, "write.mjs"),
    `import { createClient } from "epsilon-db-client";
     const client = createClient({ instances: [process.argv[2]], collection: "views", spool: "./spool" });
     client.record({ path: "/" });
     const { ids } = await client.push([{ path: "/a" }, { path: "/b" }], { ack: "all", timeoutMs: 20_000 });
     await client.flush();
     const { loops } = await client.status();
     await client.close();
     process.stdout.write(JSON.stringify({ ids: ids.length, lag: loops[0].lag }));`,
  );
  const written = execFileSync(process.execPath, ["write.mjs", url], { cwd: home, encoding: "utf8" });
  assert.deepEqual(JSON.parse(written), { ids: 2, lag: 0 });
  assert.equal(
    epsilon("query", "SELECT count", "--from", url, "--collection", "views", "--format", "csv"),
    "count\n3\n",
  );
  assert.match(epsilon("check", "--spool", join(home, "spool")), /sound \(3 events/);

  const ended = new Promise((resolve) => instance.once("exit", resolve));
  instance.kill("SIGTERM");
  assert.equal(await ended, 0);
  assert.match(epsilon("check", "--data", join(home, "data")), /sound \(4 events/);
});

test("what a page loads is small, and asks for nothing of Node", () => {
  const { exports, dependencies } = readManifest("epsilon-db-client");
  const own = join(home, "node_modules/epsilon-db-client");
  assert.equal(exports["."].browser.default, exports["./browser"].default);
  const folder = dirname(join(own, exports["."].browser.default));
  const sizes = { index: 0, later: 0 };
  for (const file of readdirSync(folder)) {
    const code = readFileSync(join(folder, file), "utf8");
    assert.doesNotMatch(code, /["'`]node:/, file);
    for (const [, name] of code.matchAll(/\bfrom\s*["']([^."'][^"']*)["']/g))
      assert.ok(
        Object.keys(dependencies).some((known) => name === known || name.startsWith(`${known}/`)),
        `${file}: ${name}`,
      );
    sizes[file === "index.js" ? "index" : "later"] += gzipSync(code, { level: 9 }).length;
  }
  // What writes and delivers, and what a page that reads loads besides.
  assert.ok(sizes.index < 25_000, `${sizes.index} bytes`);
  assert.ok(0 < sizes.later && sizes.later < 5_500, `${sizes.later} bytes`);
});

test("the library's types say what it takes", () => {
  writeFileSync(
    join(home, "use.mts"),
    `import { type Client, createClient, createHttpClient, createNodeEnv, EpsilonError, type HttpClient } from "epsilon-db-client";
     const client: HttpClient = createHttpClient(createNodeEnv(), { url: "http://127.0.0.1:4320" });
     export const events: Promise<number> = client.query("events", "SELECT count").then((answer) => answer.meta.events_scanned);
     const several: Client = createClient({ instances: ["http://127.0.0.1:4320"], collection: "views", spool: "./spool" });
     export const ids: Promise<readonly string[]> = several.push([{ _ts: new Date() }], { ack: "majority" }).then((written) => written.ids);
     // @ts-expect-error there is no such acknowledgement
     void several.push([], { ack: "some" });
     export const code: "usage" = new EpsilonError("usage", "x").code as "usage";
     // @ts-expect-error a query has a collection
     void client.query();`,
  );
  writeFileSync(
    join(home, "page.mts"),
    `import { type Client, createClient } from "epsilon-db-client/browser";
     const client: Client = createClient({ instances: ["http://127.0.0.1:4320"], collection: "views", report: ({ event }) => void event });
     export const id: string | undefined = client.record({ path: "/" });
     // @ts-expect-error a page has no files
     import("epsilon-db-client/browser").then(({ fileSource }) => fileSource);`,
  );
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
  const types = ["--types", "node", "--typeRoots", join(root, "node_modules/@types")];
  const flags = [
    "--noEmit",
    "--strict",
    "--module",
    "nodenext",
    "--target",
    "es2023",
    "--lib",
    "es2023,esnext.disposable",
  ];
  try {
    execFileSync(process.execPath, [tsc, ...flags, ...types, "use.mts", "page.mts"], {
      cwd: home,
      encoding: "utf8",
    });
  } catch (error) {
    assert.fail(error.stdout);
  }
});
