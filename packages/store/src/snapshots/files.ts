/** Files between the disk and a destination: hashed on the way, named by their content. */

import { createHash } from "node:crypto";
import type { Files } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import type { Content, Objects } from "@epsilon/objects";

const readBytes = 1024 * 1024;

/** A file's bytes in order. */
export async function* readFile(files: Files, path: string): AsyncGenerator<Uint8Array> {
  const file = await files.open(path, "read");
  try {
    for (let offset = 0; ; ) {
      const part = await file.read(offset, readBytes);
      if (part.length === 0) return;
      offset += part.length;
      yield part;
    }
  } finally {
    await file.close();
  }
}

/** A file as something to put at a destination. */
export function fileContent(files: Files, path: string, sizeBytes: number): Content {
  return { sizeBytes, read: () => readFile(files, path) };
}

/** SHA-256 as hex digits, and the size. */
export async function hashOf(
  bytes: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<{ readonly sha256: string; readonly sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const part of bytes) {
    signal?.throwIfAborted();
    hash.update(part);
    sizeBytes += part.length;
  }
  return { sha256: hash.digest("hex"), sizeBytes };
}

/** Fetches an object into a file, and verifies it. Throws `destination_damaged` if it is not what the manifest says. */
export async function fetchFile(
  files: Files,
  objects: Objects,
  wanted: { readonly name: string; readonly sha256: string; readonly bytes: number; readonly path: string },
  signal?: AbortSignal,
): Promise<void> {
  if (await files.exists(wanted.path)) await files.remove(wanted.path);
  const file = await files.open(wanted.path, "create");
  try {
    const copied = async function* (): AsyncGenerator<Uint8Array> {
      for await (const part of objects.get(wanted.name, signal)) {
        await file.append([part]);
        yield part;
      }
    };
    const found = await hashOf(copied(), signal);
    assertSame(wanted, found);
  } finally {
    await file.close();
  }
}

/** Throws `destination_damaged` unless size and hash are those of the manifest. */
export function assertSame(
  wanted: { readonly name: string; readonly sha256: string; readonly bytes: number },
  found: { readonly sha256: string; readonly sizeBytes: number },
): void {
  if (found.sha256 === wanted.sha256 && found.sizeBytes === wanted.bytes) return;
  const what =
    found.sizeBytes === wanted.bytes
      ? "its bytes changed"
      : `it has ${found.sizeBytes} bytes of ${wanted.bytes}`;
  throw new EpsilonError("destination_damaged", `${wanted.name} is not what was put there: ${what}`, {
    details: { file: wanted.name },
  });
}

/** Removes a file that may not be there. */
export async function removeIfThere(files: Files, path: string): Promise<void> {
  if (await files.exists(path)) await files.remove(path);
}

/** An empty folder of our own: made, or cleared of what a crash left. */
export async function clearFolder(files: Files, path: string): Promise<void> {
  await files.makeDirectory(path);
  for (const name of await files.list(path)) {
    const isFile = (await files.fileSizeBytes(`${path}/${name}`)) !== null;
    if (isFile) await files.remove(`${path}/${name}`);
  }
}
