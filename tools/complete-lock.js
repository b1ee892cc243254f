/**
 * Completes package-lock.json with the platforms that a registry did not offer when it was written.
 *
 *     node tools/complete-lock.js
 *
 * A package with native parts names one optional package a platform. Where a registry lacks some of them, `npm install`
 * leaves them out of the lock without a word, and `npm ci` then refuses the lock ("Missing: … from lock file") everywhere. This
 * adds them with their version and platform; npm skips what is for another platform. A test says when to run it.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { argv } from "node:process";
import { pathToFileURL } from "node:url";

const lockUrl = new URL("../package-lock.json", import.meta.url);
const systems = ["aix", "android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const processors = ["arm64", "arm", "ia32", "loong64", "ppc64", "riscv64", "s390x", "wasm32", "x64"];

/** `path@version` of every optional dependency of a locked package that the lock does not have. */
export function missingOptional(lock) {
  return Object.values(lock.packages).flatMap((entry) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => lock.packages[`node_modules/${name}`] === undefined)
      .map(([name, version]) => ({ name, version, dev: entry.dev === true })),
  );
}

/** What npm must know of a platform's package to skip it elsewhere, read from its name. */
export function platformOf(name) {
  const words = name.split("/").at(-1).split("-");
  const os = systems.find((system) => words.includes(system));
  const cpu = processors.find((processor) => words.includes(processor));
  const libc = ["musl", "musleabihf"].some((word) => words.includes(word))
    ? "musl"
    : ["gnu", "gnueabihf"].some((word) => words.includes(word))
      ? "glibc"
      : undefined;
  return {
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(libc === undefined ? {} : { libc: [libc] }),
    ...(os === undefined ? {} : { os: [os] }),
  };
}

function complete() {
  const lock = JSON.parse(readFileSync(lockUrl, "utf8"));
  for (const { name, version, dev } of missingOptional(lock))
    lock.packages[`node_modules/${name}`] = {
      version,
      // In npm's own order, so that the next install leaves them alone.
      ...Object.fromEntries(
        Object.entries({ ...platformOf(name), ...(dev ? { dev } : {}), optional: true }).sort(),
      ),
    };
  const paths = Object.keys(lock.packages).sort((a, b) => (a < b ? -1 : 1));
  lock.packages = Object.fromEntries(paths.map((path) => [path, lock.packages[path]]));
  writeFileSync(lockUrl, `${JSON.stringify(lock, null, 2)}\n`);
}

if (import.meta.url === pathToFileURL(argv[1] ?? "").href) complete();
