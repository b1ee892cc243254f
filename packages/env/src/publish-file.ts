/** Replacing a whole file so that a crash leaves either the old one or the new one. */

import type { Files } from "./env.ts";

/**
 * Writes `bytes` to `path`, durably and at once: readers and crashes see the old file or the new one, never a part.
 * Only one caller at a time for one path (the bytes go through `path` + `.tmp`).
 */
export async function publishFile(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  if (await files.exists(temporary)) await files.remove(temporary);
  const file = await files.open(temporary, "create");
  try {
    await file.append([bytes]);
    await file.sync();
  } finally {
    await file.close();
  }
  await files.rename(temporary, path);
  await files.syncDirectory(folderOf(path));
}

/** The folder of a path: what stands before its last `/` (or `\` on Windows). */
function folderOf(path: string): string {
  const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  if (at < 0) return ".";
  return at === 0 ? "/" : path.slice(0, at);
}
