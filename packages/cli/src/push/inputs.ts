/** What `epsilon push` is given to read: files that can be read again, and pipes that come once. */

import { hash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import type { FileInput } from "@epsilon/client";
import { EpsilonError, type Sha256 } from "@epsilon/model";

/** The platform's SHA-256. */
export const nativeSha256: Sha256 = (bytes) => hash("sha256", bytes, "buffer");

/** Whether it can be read again; pipes (`-`, `<(…)`, named ones) come once. */
export function isFile(path: string): boolean {
  return !isStdin(path) && statSync(path).isFile();
}

/** A pipe as it comes. */
export function pipeInput(path: string): FileInput {
  if (isStdin(path)) return { name: "stdin", bytes: process.stdin, isRereadable: false };
  return { name: path, bytes: readPipe(path), isRereadable: false };
}

function isStdin(path: string): boolean {
  return path === "-" || path === "/dev/stdin";
}

async function* readPipe(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Uint8Array;
  } catch (cause) {
    throw new EpsilonError("io_error", `${path} cannot be read: ${String(cause)}`, { cause });
  }
}

/** The bytes of all files together; unknown with a pipe. Throws `file_not_found`, `usage` before anything is sent. */
export function countBytes(files: readonly string[]): number | undefined {
  if (files.filter((file) => file === "-").length > 1)
    throw new EpsilonError("usage", "- is stdin, and there is one");
  let total: number | undefined = 0;
  for (const file of files) {
    if (file === "-") {
      total = undefined;
      continue;
    }
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined) throw new EpsilonError("file_not_found", `there is no file ${file}`);
    if (found.isDirectory()) throw new EpsilonError("usage", `${file} is a folder; name the files in it`);
    if (!found.isFile() || /\.gz$/i.test(file)) total = undefined;
    if (total !== undefined) total += found.size;
  }
  return total;
}
