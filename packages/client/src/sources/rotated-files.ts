/** Where log rotation puts what was at a path: `access.log.1`, `access.log.2.gz`, `access.log-20260131`, … */

import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { peek, readHandleBytes, unpacked } from "../files/bytes.ts";

const numbered = /^\.(\d{1,4})(?:\.gz)?$/;
const dated = /^[.-](\d{4}-?\d{2}-?\d{2}[T_0-9.-]*?)(?:\.gz)?$/;

/** Their paths, oldest first. Those that are packed otherwise than with gzip are left out. */
export async function rotatedFiles(env: Env, path: string): Promise<readonly string[]> {
  const slash = path.lastIndexOf("/");
  const folder = slash < 0 ? "." : slash === 0 ? "/" : path.slice(0, slash);
  const base = path.slice(slash + 1);
  const byNumber: { readonly name: string; readonly number: number }[] = [];
  const byDate: { readonly name: string; readonly date: string }[] = [];
  for (const name of await env.files.list(folder)) {
    if (!name.startsWith(base)) continue;
    const rest = name.slice(base.length);
    const [, number] = numbered.exec(rest) ?? [];
    const [, date] = dated.exec(rest) ?? [];
    if (number !== undefined) byNumber.push({ name, number: Number(number) });
    else if (date !== undefined) byDate.push({ name, date });
  }
  byNumber.sort((a, b) => b.number - a.number);
  byDate.sort((a, b) => (a.date < b.date ? -1 : 1));
  return [...byDate, ...byNumber].map(({ name }) => (folder === "/" ? `/${name}` : `${folder}/${name}`));
}

/** Whether a file, unpacked, begins with these bytes; not if it cannot be read, or if they are none. */
export async function beginsAs(env: Env, path: string, head: Uint8Array): Promise<boolean> {
  try {
    const file = await env.files.open(path, "read");
    try {
      const bytes = await unpacked(readHandleBytes(file, 4096));
      const { head: found } = await peek(bytes, head.length);
      return head.length > 0 && head.every((byte, index) => found[index] === byte);
    } finally {
      await file.close();
    }
  } catch (error) {
    // It is just being written, or was removed: then it is no copy that could be read.
    if (error instanceof EpsilonError) return false;
    throw error;
  }
}
