/** Holds the tree to the rules of `tidy-rules.js`, after showing that each rule can fail. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { errors } from "../packages/model/dist/index.js";
import { missingOptional, platformOf } from "./complete-lock.js";
import { codeOnly } from "./source-text.js";
import {
  checkDependencyReasons,
  checkForeignWords,
  checkInstallScripts,
  checkManifest,
  checkSource,
  importTable,
  importTableOf,
  isTestFile,
  linksOf,
} from "./tidy-rules.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const read = (path) => readFileSync(join(root, path), "utf8");
const readJson = (path) => JSON.parse(read(path));
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((path) => path !== "" && existsSync(join(root, path)));
const packages = [
  ...new Set(
    files.filter((path) => /^packages\/\w+\/package\.json$/.test(path)).map((path) => path.split("/")[1]),
  ),
];
const noteCodes = ["unknown_field", "mixed_types", "truncated", "may_be_incomplete"];
const codes = new Set([...Object.keys(errors), ...noteCodes]);
const rootManifest = readJson("package.json");

/** What a file of the package may import: tests also what is declared for development. */
function dependenciesFor(path) {
  const manifest = readJson(`packages/${path.split("/")[1]}/package.json`);
  const development = { ...manifest.devDependencies, ...rootManifest.devDependencies };
  const isPrivate = path.startsWith("packages/lab/");
  return Object.keys({ ...manifest.dependencies, ...(isTestFile(path) || isPrivate ? development : {}) });
}

/** Fails with every finding on a line of its own. */
function assertNone(findings) {
  assert.equal(findings.join("\n"), "");
}

const bad = (path, text) => checkSource(path, text, { dependencies: ["fast-check"], codes });
const header = "// A sample.\n";

test("a sample that keeps every rule has no finding", () => {
  const text = `${header}import { must } from "@epsilon/model";\nimport { x } from "./x.ts";\nexport const y = must(x);\n`;
  assertNone(bad("packages/store/src/a.ts", text));
});

test("each rule finds its bad sample, and names the place", () => {
  const samples = [
    ["export const x = 1;", /:1: the first line is no comment/],
    [header + "x\n".repeat(400), /:402: 401 lines/],
    [`${header}const t = Date.now();`, /:2: Date\.now/],
    [`${header}const t = new Date( );`, /:2: new Date\(\)/],
    [`${header}const t = Math.random();`, /:2: Math\.random/],
    [`${header}setTimeout(f, 1);`, /:2: a timer/],
    [`${header}await fetch(url);`, /:2: fetch/],
    [`${header}console.log(1);`, /:2: console/],
    [`${header}process.exit(1);`, /:2: process/],
    [`${header}throw new Error("x");`, /:2: a bare Error/],
    [`${header}export default 1;`, /:2: a default export/],
    [`${header}const t = x as any;`, /:2: any/],
    [`${header}try { f(); } catch (e) { }`, /:2: an empty catch/],
    [`${header}const e = { code: "no_such_code" };`, /:2: no such error code: no_such_code/],
    [`${header}import fs from "node:fs";`, /:2: store may not import node:fs/],
    [`${header}import { x } from "@epsilon/server";`, /:2: store may not import server/],
    [`${header}import { x } from "@epsilon/model/x.ts";`, /:2: .* by its name alone/],
    [`${header}import type {\n  X,\n} from "../../model/src/x.ts";`, /:2: .* leaves the package/],
    [`${header}import { x } from "./x";`, /:2: .* with its extension/],
    [`${header}import { x } from "./index.ts";`, /:2: a barrel/],
    [`${header}import { x } from "left-pad";`, /:2: left-pad is no dependency/],
    [`${header}const x = await import("left-pad");`, /:2: left-pad is no dependency/],
  ];
  for (const [text, expected] of samples)
    assert.match(bad("packages/store/src/a.ts", text).join("\n"), expected);
  assert.match(
    bad("packages/store/src/a.test.ts", `${header}test.only("x", f);`).join("\n"),
    /hides the others/,
  );
  assert.match(
    bad("packages/server/src/a.ts", `${header}import { x } from "@duckdb/node-api";`).join("\n"),
    /only store and lab may/,
  );
});

test("what is only said in a comment, a string or a pattern is no use of it", () => {
  const text = `${header}// Date.now\nconst a = "console.log"; /* fetch( */ const b = /process\\.["/]/;\nconst c = \`Math.random \${a}\`;\n`;
  assertNone(bad("packages/store/src/a.ts", text));
});

test("code inside a template is looked at, and offsets stay true", () => {
  const text = ["const a = `x $", "{`$", "{Date.now()}` + 1} Date.now`; b / c; console"].join("");
  const code = codeOnly(text);
  assert.equal(code.length, text.length);
  assert.equal(code.indexOf("Date.now"), text.indexOf("Date.now"));
  assert.equal(code.lastIndexOf("Date.now"), code.indexOf("Date.now"));
  assert.ok(code.endsWith("b / c; console"));
});

test("the doors to the world are open in the edge, in tests and in env's node and browser files only", () => {
  const text = `${header}const t = Date.now();`;
  for (const path of [
    "cli/src/a.ts",
    "lab/src/a.ts",
    "env/src/node-clock.ts",
    "env/src/browser-clock.ts",
    "store/src/a.test.ts",
  ])
    assertNone(bad(`packages/${path}`, text));
  for (const path of ["env/src/sim-clock.ts", "model/src/a.ts", "client/src/node-x.ts"])
    assert.equal(bad(`packages/${path}`, text).length, 1);
});

test("the checks of manifests, reasons, install scripts and foreign words can fail", () => {
  assert.equal(
    checkManifest("model", { private: true, dependencies: { "@epsilon/env": "*" } }, ["log"]).length,
    2,
  );
  assert.equal(checkManifest("model", {}, []).length, 1);
  assert.equal(checkManifest("nobody", {}, []).length, 1);
  assert.equal(checkDependencyReasons(["a"], "| `b` | because |").length, 2);
  assert.equal(checkInstallScripts({ packages: { a: { hasInstallScript: true }, b: {} } }).length, 1);
  assert.equal(checkForeignWords("x.md", ["see /wo", "rk/main and peers", ".md"].join("")).length, 2);
  assert.deepEqual(linksOf("[a](b.md#c) [d](https://e) [f](#g)"), ["b.md"]);
});

test("every source file keeps the rules", () => {
  const sources = files.filter((path) => /^packages\/\w+\/src\/.*\.ts$/.test(path));
  assert.ok(0 < sources.length);
  assertNone(
    sources.flatMap((path) => checkSource(path, read(path), { dependencies: dependenciesFor(path), codes })),
  );
});

test("manifests and project references keep the import table", () => {
  assertNone(
    packages.flatMap((name) => {
      const references = (readJson(`packages/${name}/tsconfig.json`).references ?? []).map((reference) =>
        reference.path.replace("../", ""),
      );
      return checkManifest(name, readJson(`packages/${name}/package.json`), references);
    }),
  );
});

test("docs/architecture.md shows the import table as it is", () => {
  assert.deepEqual(importTableOf(read("docs/architecture.md")), importTable);
});

test("every dependency has its reason, and no locked one runs a script when it is installed", () => {
  const names = new Set();
  for (const manifest of [rootManifest, ...packages.map((name) => readJson(`packages/${name}/package.json`))])
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }))
      if (!name.startsWith("@epsilon/")) names.add(name);
  assertNone(checkDependencyReasons([...names].sort(), read("docs/decisions/0002-dependencies.md")));
  assertNone(checkInstallScripts(readJson("package-lock.json")));
});

test("the lock has every platform's packages, so that npm ci takes it everywhere", () => {
  const lacking = { packages: { "node_modules/a": { optionalDependencies: { "a-linux-x64-musl": "1" } } } };
  assert.equal(missingOptional(lacking).length, 1);
  assert.deepEqual(platformOf("@a/b-linux-x64-musl"), { cpu: ["x64"], libc: ["musl"], os: ["linux"] });
  const missing = missingOptional(readJson("package-lock.json")).map(({ name }) => name);
  assert.deepEqual(missing, [], "run node tools/complete-lock.js");
});

test("docs/errors.md lists every error code with its status and meaning", () => {
  const rows = Object.entries(errors).map(
    ([code, row]) => `| \`${code}\` | ${row.status} | ${row.exit} | ${row.kind} | ${row.meaning} |`,
  );
  const page = read("docs/errors.md");
  const head = page.slice(0, page.indexOf("|---|") + page.slice(page.indexOf("|---|")).indexOf("\n"));
  const expected = `${[head, ...rows].join("\n")}\n`;
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(join(root, "docs/errors.md"), expected);
  else assert.equal(page, expected, "run UPDATE_GOLDEN=1 node --test tools/tidy.test.js");
});

test("no page or file names a place outside the project", () => {
  const texts = files.filter((path) => /\.(?:ts|js|json|md|svg|txt|yaml|yml)$|^\.ci\/|^LICENSE$/.test(path));
  assertNone(texts.flatMap((path) => checkForeignWords(path, read(path))));
});

test("the pages of decisions and formats are in their lists, with the decisions' own titles", () => {
  const pages = files.filter((path) => /^docs\/(?:decisions|formats)\/(?!README).*\.md$/.test(path));
  assert.ok(0 < pages.length);
  assertNone(
    pages
      .filter((path) => {
        const list = read(`${dirname(path)}/README.md`);
        const [, title] = /^# (?:[0-9]{4}: (.*)|.*)\n/.exec(read(path)) ?? [];
        const name = basename(path);
        return title === undefined
          ? !list.includes(`(${name}) |`)
          : !list.includes(`| [${name.slice(0, 4)}](${name}) | ${title} |`);
      })
      .map((path) => `${path} is not in ${dirname(path)}/README.md as it should be`),
  );
});

test("links between pages lead somewhere", () => {
  const pages = files.filter((path) => path.endsWith(".md"));
  assertNone(
    pages.flatMap((page) =>
      linksOf(read(page))
        .filter((link) => !existsSync(join(root, dirname(page), link)))
        .map((link) => `${page}: ${link} is not there`),
    ),
  );
});
