/**
 * The rules of the house that neither the compiler nor the linter holds: who may import whom, which doors to the
 * world are open where, how long a file may be. Each rule is a function from text to findings, so that
 * `tidy.test.js` can show that it fails on a bad sample before it runs over the tree.
 */

import { codeOnly, lineOf } from "./source-text.js";

/** Who may import whom. `docs/architecture.md` shows the same table, and a test compares them. */
export const importTable = {
  model: [],
  env: ["model"],
  log: ["model", "env"],
  objects: ["model", "env"],
  query: ["model"],
  store: ["model", "env", "log", "query", "objects"],
  server: ["model", "env", "query", "store"],
  client: ["model", "env", "log", "query"],
  relay: ["model", "env", "store", "server", "client"],
  cli: ["model", "env", "log", "query", "objects", "store", "server", "client", "relay"],
  ui: ["model", "query", "client"],
  lab: ["model", "env", "log", "query", "objects", "store", "server", "client", "relay"],
};

/** Which of Node's modules a package may use. `env` has its own rule: only its `node-*.ts` and `browser-*.ts` files. */
export const nodeModules = {
  server: ["node:http", "node:https", "node:zlib", "node:crypto", "node:tls", "node:net", "node:stream"],
  store: ["node:buffer", "node:crypto"],
  relay: ["node:stream"],
};

/** Parts of a package that another one uses without the rest of it: what names events comes without DuckDB, a page's world without Node's. */
const sharedParts = { relay: ["@epsilon/store/prepare"], client: ["@epsilon/env/browser"] };

/** Packages that touch the world as they like. Tests and conformance suites do as well. */
const worldly = ["cli", "lab"];

/** DuckDB stands behind one package (and is measured by another). */
const onlyImporters = { "@duckdb/node-api": ["store", "lab"] };

const linesMax = 400;

const doors = [
  { pattern: /\bDate\.now\b/g, what: "Date.now: take the time from env.clock" },
  { pattern: /\bnew Date\(\s*\)/g, what: "new Date(): take the time from env.clock" },
  { pattern: /\bMath\.random\b/g, what: "Math.random: take randomness from env.random" },
  { pattern: /(?<![.\w])set(?:Timeout|Interval|Immediate)\(/g, what: "a timer: use env.clock.sleep" },
  { pattern: /(?<![.\w])fetch\(/g, what: "fetch: use env.network" },
  { pattern: /(?<![.\w])console\./g, what: "console: use env.report" },
  { pattern: /(?<![.\w])process\./g, what: "process: only the edge reads it" },
  { pattern: /(?<![.\w])performance\./g, what: "performance: use env.clock.elapsedMs" },
  { pattern: /\b(?:randomUUID|randomBytes|getRandomValues)\(/g, what: "randomness: use env.random" },
];

const habits = [
  { pattern: /^export default\b/gm, what: "a default export: names stay the same everywhere" },
  { pattern: /\bas any\b|:\s*any\b|<any>/g, what: "any: use unknown and parse it" },
  {
    pattern: /\bcatch\s*(?:\([^)]*\))?\s*\{\s*\}/g,
    what: "an empty catch: translate, add context or let it pass",
  },
  { pattern: /\.localeCompare\(/g, what: "localeCompare: the model has the one comparator" },
];

/**
 * Every finding about one source file, as `path:line: what`.
 *
 * @param {string} path from the root, as `packages/store/src/x.ts`
 * @param {string} text
 * @param {{ dependencies: string[], codes: Set<string> }} known the package's declared dependencies, the error codes
 */
export function checkSource(path, text, known) {
  const code = codeOnly(text);
  const findings = [];
  const report = (offset, what) => findings.push(`${path}:${lineOf(text, offset)}: ${what}`);
  const each = (rules) => {
    for (const { pattern, what } of rules) for (const hit of code.matchAll(pattern)) report(hit.index, what);
  };
  const packageName = packageOf(path);
  const isTest = isTestFile(path);
  if (!/^\s*(?:\/\/|\/\*)/.test(text))
    report(0, "the first line is no comment that says what the file is for");
  const lines = text.trimEnd().split("\n").length;
  if (linesMax < lines) report(text.length, `${lines} lines; ${linesMax} at most, so split it by subject`);
  each(habits);
  if (!mayTouchWorld(path)) each(doors);
  if (packageName !== "model" && !isTest)
    each([{ pattern: /\bnew (?:Type|Range|Syntax)?Error\(/g, what: "a bare Error: throw an EpsilonError" }]);
  if (isTest)
    each([
      {
        pattern: /\b(?:test|it|describe|suite)\.only\(|\bonly:\s*true/g,
        what: "a test that hides the others",
      },
    ]);
  for (const hit of text.matchAll(/\bcode:\s*"([a-z][a-z0-9_]*)"/g))
    if (!known.codes.has(hit[1])) report(hit.index, `no such error code: ${hit[1]}`);
  for (const { specifier, offset } of importsOf(text)) {
    const what = importFinding(path, specifier, known.dependencies);
    if (what !== null) report(offset, what);
  }
  return findings;
}

/** Every `import … from`, `export … from` and `import()` of a text. */
export function importsOf(text) {
  const pattern =
    /^\s*(?:import|export)\b[^"'`;]*?\bfrom\s*"([^"]+)"|^\s*import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;
  return [...text.matchAll(pattern)].map((hit) => ({
    specifier: hit[1] ?? hit[2] ?? hit[3],
    offset: hit.index + (hit[0].length - hit[0].trimStart().length),
  }));
}

function importFinding(path, specifier, dependencies) {
  const from = packageOf(path);
  if (specifier.startsWith(".")) return relativeFinding(path, specifier);
  if (specifier.startsWith("node:")) {
    if (mayTouchWorld(path) || (nodeModules[from] ?? []).includes(specifier)) return null;
    return `${from} may not import ${specifier}: it comes in through env`;
  }
  if (specifier.startsWith("@epsilon/")) {
    const [, name, ...rest] = specifier.split("/");
    // What a package offers to the tests of others (`./testing`) is for tests.
    const isOffer = rest.join("/") === "testing" && isTestFile(path);
    const isShared = (sharedParts[from] ?? []).includes(specifier);
    if (0 < rest.length && !isOffer && !isShared)
      return `${specifier}: a package is imported by its name alone`;
    return name === from || (importTable[from] ?? []).includes(name)
      ? null
      : `${from} may not import ${name}`;
  }
  const name = specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
  const importers = onlyImporters[name];
  if (importers !== undefined && !importers.includes(from) && !isTestFile(path))
    return `${from} may not import ${name}; only ${importers.join(" and ")} may`;
  return dependencies.includes(name) ? null : `${name} is no dependency of packages/${from}`;
}

function relativeFinding(path, specifier) {
  if (!specifier.endsWith(".ts")) return `${specifier}: a file is imported with its extension, .ts`;
  const parts = path.split("/").slice(0, -1);
  for (const part of specifier.split("/")) if (part === "..") parts.pop();
  if (parts.length < 3) return `${specifier} leaves the package: import it by its name`;
  if (specifier.endsWith("/index.ts") && !isTestFile(path))
    return "a barrel: inside a package, import the file that has it";
  return null;
}

/** What a package's manifest and project references say against the import table. */
export function checkManifest(name, manifest, references) {
  const allowed = importTable[name];
  if (allowed === undefined) return [`packages/${name}: not in the import table`];
  const findings = [];
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
    .filter((dependency) => dependency.startsWith("@epsilon/"))
    .map((dependency) => dependency.slice("@epsilon/".length));
  for (const [where, names] of [
    ["package.json", declared],
    ["tsconfig.json", references],
  ])
    for (const other of names)
      if (!allowed.includes(other))
        findings.push(`packages/${name}/${where}: ${name} may not depend on ${other}`);
  const published = name === "cli" || name === "client";
  if (!published && manifest.private !== true)
    findings.push(`packages/${name}/package.json: only cli and client are published; set "private": true`);
  return findings;
}

/** The rows of the table "Package | May import" in a page of documentation, as the import table has them. */
export function importTableOf(markdown) {
  const rows = [...markdown.matchAll(/^\| `?([a-z]+)`? \| (.+?) \|$/gm)].map((hit) => [hit[1], hit[2]]);
  return Object.fromEntries(
    rows
      .filter(([name]) => name in importTable)
      .map(([name, cell]) => [
        name,
        cell === "nothing" ? [] : cell.split(",").map((word) => word.replaceAll("`", "").trim()),
      ]),
  );
}

/** Dependencies without a reason, and reasons without a dependency. A reason is a table row that begins with the name. */
export function checkDependencyReasons(names, markdown) {
  const reasoned = [...markdown.matchAll(/^\| `([^`]+)` \|/gm)].map((hit) => hit[1]);
  return [
    ...names
      .filter((name) => !reasoned.includes(name))
      .map((name) => `${name}: no reason in 0002-dependencies.md`),
    ...reasoned.filter((name) => !names.includes(name)).map((name) => `${name}: a reason, but no dependency`),
  ];
}

/** Locked packages that run a script when they are installed. */
export function checkInstallScripts(lock) {
  return Object.entries(lock.packages)
    .filter(([, entry]) => entry.hasInstallScript === true)
    .map(([path]) => `${path}: runs a script when it is installed`);
}

// Spelled so that this file does not find itself.
const foreignWords = [
  /(?<![\w./-])\/(?:wo[r]k|ro[o]t|ho[m]e\/\w+)\//g,
  /\bshared\/(?:peers|design|contract|style)\b/g,
  /(?<![\w/-])(?:design|contract|peers|style)[.]md\b/g,
];

/** Paths and documents of whoever's machine it was written on: the project speaks only of itself. */
export function checkForeignWords(path, text) {
  return foreignWords.flatMap((pattern) =>
    [...text.matchAll(pattern)].map((hit) => `${path}:${lineOf(text, hit.index)}: names ${hit[0]}`),
  );
}

/** Relative links of a page, without their fragments. */
export function linksOf(markdown) {
  return [...markdown.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((hit) => hit[1].split("#")[0])
    .filter((link) => link !== "" && !/^[a-z]+:/.test(link));
}

function packageOf(path) {
  return path.split("/")[1];
}

/** Tests, and what only tests import: `x.test.ts`, `x.conformance.ts`, `fixture.ts`, `arbitraries.ts`, `testing/…`. */
export function isTestFile(path) {
  return /\.(?:test|conformance)\.ts$|[/.-](?:fixture|arbitraries)\.ts$|\/testing\//.test(path);
}

function mayTouchWorld(path) {
  return (
    isTestFile(path) ||
    worldly.includes(packageOf(path)) ||
    /^packages\/env\/src\/(?:.*\/)?(?:node|browser)-[^/]*\.ts$/.test(path)
  );
}
