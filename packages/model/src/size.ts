/** Sizes as people type them: `10GB` (thousands), `512MiB` (1024s), `4096`. In the code they are bytes. */

import { EpsilonError } from "./errors.ts";

/** By the unit in lower case, so that `kB`, `KB` and `kb` are the same. */
const unitsBytes: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["b", 1],
  ["kb", 1e3],
  ["mb", 1e6],
  ["gb", 1e9],
  ["tb", 1e12],
  ["kib", 1024],
  ["mib", 1024 ** 2],
  ["gib", 1024 ** 3],
  ["tib", 1024 ** 4],
]);

const sizePattern = /^([0-9]{1,16}(?:\.[0-9]{1,9})?) ?([A-Za-z]{0,3})$/;

/** Bytes of `10GB`, `512MiB`, `1.5GB`, `4096`. Throws `bad_request`, also where it comes to no whole number. */
export function parseSize(text: string): number {
  const [, digits, unit = ""] = sizePattern.exec(text) ?? [];
  const sizeBytes = Number(digits) * (unitsBytes.get(unit.toLowerCase()) ?? Number.NaN);
  if (Number.isSafeInteger(sizeBytes)) return sizeBytes;
  throw new EpsilonError(
    "bad_request",
    `${JSON.stringify(text.slice(0, 100))} is not a size: a number and one of B kB MB GB TB KiB MiB GiB TiB, such as 10GB`,
  );
}
