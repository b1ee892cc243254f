/**
 * Taking away files that no snapshot needs.
 *
 * Several instances may share a destination, and two machines may run from one image under one id: so only files below
 * the instance's own id are looked at, only in the folders of incarnations that its own books know, and never one that
 * any manifest under that id names, whoever wrote it.
 */

import { type Objects, readAll } from "@epsilon/objects";
import { parseManifest, parseManifestName } from "./manifest.ts";

/** The largest manifest that is read. */
export const manifestBytesMax = 256 * 1024 * 1024;

export interface Sweeping {
  readonly instance: string;
  /** Folders that are ours to clear. */
  readonly incarnations: ReadonlySet<string>;
  /** Names that are needed beside those in manifests. */
  readonly needed: readonly string[];
  readonly signal: AbortSignal;
}

/** Removes what is not needed; says how many. A manifest that cannot be read stops it: nobody knows what it names. */
export async function sweep(objects: Objects, sweeping: Sweeping): Promise<number> {
  const { instance, signal } = sweeping;
  const listed = await objects.list(`${instance}/`, signal);
  const files = listed.filter(({ name }) => name.endsWith(".parquet") && isOurs(name, sweeping));
  if (files.length === 0) return 0;
  const needed = new Set(sweeping.needed);
  for (const { name } of listed) {
    if (parseManifestName(name) === null) continue;
    const manifest = parseManifest(
      await readAll(objects, name, { bytesMax: manifestBytesMax, signal }),
      name,
    );
    for (const { segments } of manifest.collections)
      for (const { file } of segments) needed.add(`${instance}/${file}`);
  }
  const idle = files.filter(({ name }) => !needed.has(name));
  for (const { name } of idle) await objects.remove(name, signal);
  return idle.length;
}

function isOurs(name: string, { instance, incarnations }: Sweeping): boolean {
  const [id, incarnation] = name.split("/");
  return id === instance && incarnation !== undefined && incarnations.has(incarnation);
}
