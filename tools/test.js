/**
 * Runs the tests: every `src/**` `*.test.ts` as it was compiled, and those of the tools. `npm test -- store query` runs
 * the files whose path has one of the words. (Node 20's own search does not know globs, and would also find compiled
 * tests whose source is gone.)
 */

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const words = process.argv.slice(2);

function testsUnder(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.test\.(?:ts|js)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)));
}

const compiled = readdirSync(join(root, "packages"))
  .flatMap((name) => testsUnder(join(root, "packages", name, "src")))
  .map((path) => path.replace("/src/", "/dist/").replace(/\.ts$/, ".js"));
const files = [...compiled, ...testsUnder(join(root, "tools"))]
  .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
  .sort();
if (files.length === 0) {
  process.stderr.write(`no test file has ${words.join(" or ")} in its path\n`);
  process.exit(1);
}
// Two at a time: most of them are one thread of work and some waiting for a child process.
const flags = ["--test", "--test-timeout=300000", "--test-concurrency=2"];
const run = spawnSync(process.execPath, [...flags, ...files], { cwd: root, stdio: "inherit" });
process.exit(run.status ?? 1);
