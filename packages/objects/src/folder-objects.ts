/** A folder as a place for objects: on another disk, or mounted from another machine. */

import type { Env, FileHandle, Files } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { assertObjectName, type Content, type ObjectInfo, type Objects } from "./objects.ts";

const readBytes = 1024 * 1024;
const temporarySuffix = ".part";

/** The folder at `path`, which is made when something is put there. */
export function folderObjects(env: Env, path: string): Objects {
  return new FolderObjects(env, path);
}

class FolderObjects implements Objects {
  readonly url: string;
  readonly #files: Files;
  /** Two puts of one name at once must not write into one file. */
  #puts = 0;

  constructor(env: Env, path: string) {
    this.url = path;
    this.#files = env.files;
  }

  async put(name: string, content: Content, signal?: AbortSignal): Promise<void> {
    const path = this.#pathOf(name);
    const folder = path.slice(0, path.lastIndexOf("/"));
    await this.#files.makeDirectory(folder);
    this.#puts += 1;
    const temporary = `${path}.${this.#puts}${temporarySuffix}`;
    if (await this.#files.exists(temporary)) await this.#files.remove(temporary);
    const file = await this.#files.open(temporary, "create");
    try {
      try {
        await copyInto(file, content, signal);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.#files.rename(temporary, path);
    } catch (error) {
      // What is half written would take the room that is missing.
      if (await this.#files.exists(temporary)) await this.#files.remove(temporary);
      throw error;
    }
    await this.#files.syncDirectory(folder);
  }

  async *get(name: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const file = await this.#open(name);
    if (file === null) throw new EpsilonError("object_not_found", `${this.url} has no ${name}`);
    try {
      for (let offset = 0; ; ) {
        signal?.throwIfAborted();
        const part = await file.read(offset, readBytes);
        if (part.length === 0) return;
        offset += part.length;
        yield part;
      }
    } finally {
      await file.close();
    }
  }

  async sizeOf(name: string): Promise<number | null> {
    const path = this.#pathOf(name);
    return (await this.#files.exists(path)) ? this.#files.fileSizeBytes(path) : null;
  }

  async list(prefix: string): Promise<readonly ObjectInfo[]> {
    const found: ObjectInfo[] = [];
    await this.#walk(prefix, found);
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async remove(name: string): Promise<void> {
    const path = this.#pathOf(name);
    if (await this.#files.exists(path)) await this.#files.remove(path);
  }

  async #walk(prefix: string, found: ObjectInfo[]): Promise<void> {
    const folder = prefix === "" ? this.url : `${this.url}/${prefix.slice(0, -1)}`;
    for (const entry of await this.#entries(folder)) {
      if (entry.startsWith(".") || entry.endsWith(temporarySuffix)) continue;
      const sizeBytes = await this.#files.fileSizeBytes(`${folder}/${entry}`);
      if (sizeBytes === null) await this.#walk(`${prefix}${entry}/`, found);
      else found.push({ name: `${prefix}${entry}`, sizeBytes });
    }
  }

  async #entries(folder: string): Promise<readonly string[]> {
    return (await this.#files.exists(folder)) ? this.#files.list(folder) : [];
  }

  async #open(name: string): Promise<FileHandle | null> {
    const path = this.#pathOf(name);
    return (await this.#files.exists(path)) ? this.#files.open(path, "read") : null;
  }

  #pathOf(name: string): string {
    assertObjectName(name);
    return `${this.url}/${name}`;
  }
}

async function copyInto(file: FileHandle, content: Content, signal?: AbortSignal): Promise<void> {
  let sizeBytes = 0;
  for await (const part of content.read()) {
    signal?.throwIfAborted();
    sizeBytes += part.length;
    await file.append([part]);
  }
  if (sizeBytes === content.sizeBytes) return;
  throw new EpsilonError("io_error", `${sizeBytes} bytes came of ${content.sizeBytes}: the file changed`);
}
