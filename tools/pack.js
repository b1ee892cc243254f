/**
 * Makes the two packages that are published, `epsilon-db` (the command) and `epsilon-db-client` (the library): bundles
 * the private packages into one file, writes a manifest that names only public dependencies, and packs that folder.
 * `npm run pack` leaves both tarballs in `tmp/pack`. See docs/decisions/0008-packing.md.
 */

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const readJson = (path) => JSON.parse(readFileSync(join(root, path), "utf8"));

/** What is published: from which package, bundled from which file. */
export const published = [
  {
    from: "cli",
    name: "epsilon-db",
    description: "An events database that one person can run and trust",
    readme: "packages/cli/README.md",
    entry: "packages/cli/dist/main.js",
    bundle: "dist/epsilon.js",
    manifest: { bin: { epsilon: "./bin/epsilon.js" } },
  },
  {
    from: "client",
    name: "epsilon-db-client",
    description: "Writes to and asks Epsilon, an events database; reads NDJSON, JSON and CSV files into it",
    readme: "packages/client/README.md",
    entry: "packages/client/dist/index.js",
    bundle: "dist/index.js",
    manifest: {
      sideEffects: false,
      types: "./dist/types/client/index.d.ts",
      exports: {
        ".": {
          browser: { types: "./dist/types/client/browser/index.d.ts", default: "./dist/browser/index.js" },
          types: "./dist/types/client/index.d.ts",
          default: "./dist/index.js",
        },
        // The same without a bundler that knows the condition.
        "./browser": {
          types: "./dist/types/client/browser/index.d.ts",
          default: "./dist/browser/index.js",
        },
      },
    },
    browser: { entry: "packages/client/dist/browser/index.js", bundle: "dist/browser/index.js" },
  },
];

/** Packs everything into a folder; answers the tarballs' paths. Everything must be built. */
export async function packAll(folder) {
  rmSync(folder, { recursive: true, force: true });
  const tarballs = [];
  for (const what of published) tarballs.push(await packOne(what, join(folder, what.name)));
  return tarballs;
}

/** Bundles the library for pages into a folder, as it is published: `browser/index.js`, and what it loads later. */
export async function bundleForPages(folder) {
  const what = published.find(({ browser }) => browser !== undefined);
  const external = Object.keys(publicDependencies(reachable(what.from)));
  await bundle(
    { ...what, ...what.browser, bundle: "browser/index.js", platform: "browser" },
    folder,
    external,
  );
}

async function packOne(what, staging) {
  mkdirSync(join(staging, "dist"), { recursive: true });
  const packages = reachable(what.from);
  const dependencies = publicDependencies(packages);
  const external = Object.keys(dependencies);
  await bundle({ ...what, platform: "node" }, staging, external);
  if (what.browser !== undefined)
    await bundle({ ...what, ...what.browser, platform: "browser" }, staging, external);
  if (what.manifest.bin !== undefined) writeBin(what, staging);
  if (what.manifest.types !== undefined) copyTypes(packages, join(staging, "dist/types"));
  const { version, license } = readJson(`packages/${what.from}/package.json`);
  const { engines } = readJson("package.json");
  const manifest = {
    name: what.name,
    version,
    description: what.description,
    type: "module",
    license,
    engines,
    ...what.manifest,
    dependencies,
  };
  writeFileSync(join(staging, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  cpSync(join(root, "LICENSE"), join(staging, "LICENSE"));
  cpSync(join(root, what.readme), join(staging, "README.md"));
  const parent = dirname(staging);
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const said = execFileSync(npm, ["pack", "--json", "--pack-destination", parent], {
    cwd: staging,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  return join(parent, JSON.parse(said)[0].filename);
}

/** The private packages that a package stands on, itself included. */
function reachable(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  for (const dependency of Object.keys(readJson(`packages/${name}/package.json`).dependencies ?? {}))
    if (dependency.startsWith("@epsilon/")) reachable(dependency.slice("@epsilon/".length), found);
  return found;
}

/** Everything else that they depend on, with the range that each of them gives. */
function publicDependencies(packages) {
  const ranges = new Map();
  for (const name of packages)
    for (const [dependency, range] of Object.entries(
      readJson(`packages/${name}/package.json`).dependencies ?? {},
    )) {
      if (dependency.startsWith("@epsilon/")) continue;
      if ((ranges.get(dependency) ?? range) !== range)
        throw new Error(`two ranges of ${dependency}: ${ranges.get(dependency)} and ${range}`);
      ranges.set(dependency, range);
    }
  return Object.fromEntries([...ranges].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function bundle(what, staging, external) {
  // A page has none of Node's: what asks for it would not be bundled.
  const isExternal = (id) =>
    (what.platform === "node" && id.startsWith("node:")) ||
    external.some((name) => id === name || id.startsWith(`${name}/`));
  const build = await rolldown({
    input: join(root, what.entry),
    platform: what.platform,
    external: isExternal,
    // What the entry shares with a chunk that is loaded later stays in it: a page loads one file.
    preserveEntrySignatures: what.platform === "browser" ? "allow-extension" : "strict",
    onLog: (level, log) => {
      if (level === "warn") throw new Error(`bundling ${what.name}: ${log.message}`);
    },
  });
  // In chunks, so that a command loads only what it needs.
  const { output } = await build.write({
    dir: dirname(join(staging, what.bundle)),
    entryFileNames: what.bundle.split("/").pop(),
    chunkFileNames: "[name]-[hash].js",
    format: "esm",
    minify: what.platform === "browser",
  });
  await build.close();
  for (const chunk of output)
    for (const id of [...(chunk.imports ?? []), ...(chunk.dynamicImports ?? [])])
      if (!isExternal(id) && !output.some(({ fileName }) => fileName === id))
        throw new Error(`${what.name} still imports ${id}`);
}

function writeBin(what, staging) {
  mkdirSync(join(staging, "bin"));
  for (const path of Object.values(what.manifest.bin)) {
    const source = readFileSync(join(root, "packages", what.from, path), "utf8");
    writeFileSync(join(staging, path), source.replace("../dist/main.js", `../${what.bundle}`), {
      mode: 0o755,
    });
  }
}

const onlyTests =
  /(?:\.test|\.conformance)\.d\.ts$|(?:^|[/\\.-])(?:fixture|arbitraries)\.d\.ts$|(?:^|[/\\])testing\b/;

/** The declarations of all packages side by side, with imports of each other by path. */
function copyTypes(packages, folder) {
  for (const name of packages) {
    const dist = join(root, "packages", name, "dist");
    for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith(".d.ts")) continue;
      const path = relative(dist, join(entry.parentPath ?? entry.path, entry.name));
      // Tests, and what only they use, are not published; nor what a removed source left behind.
      if (onlyTests.test(path)) continue;
      if (!existsSync(join(root, "packages", name, "src", path.replace(/\.d\.ts$/, ".ts")))) continue;
      const target = join(folder, name, path);
      mkdirSync(dirname(target), { recursive: true });
      const text = readFileSync(join(dist, path), "utf8");
      const up = relative(dirname(target), folder).replaceAll("\\", "/");
      writeFileSync(
        target,
        text
          .replace(/"@epsilon\/(\w+)(\/\w+)?"/g, (_, other, part = "") => `"${up}/${other}${part}/index.js"`)
          .replace(/"(\.{1,2}\/[^"]+)\.ts"/g, '"$1.js"')
          .replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n"),
      );
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const tarball of await packAll(join(root, "tmp/pack"))) process.stdout.write(`${tarball}\n`);
}
