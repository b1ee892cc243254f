/** Files of the operating system. */

import type { BigIntStats } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { FileHandle, Files } from "./env.ts";
import { errnoOf, fileError } from "./node-errors.ts";

// Linux takes at most 1024 buffers (IOV_MAX) in one writev.
const buffersMax = 1024;

// Not "a+", which creates what is not there: that would hide a lost file.
const flags = { read: "r", append: fs.constants.O_RDWR | fs.constants.O_APPEND, create: "ax+" } as const;

/** The file system of this machine. */
export function createNodeFiles(): Files {
  return {
    open: openFile,
    list: (path) => attempt("list", path, async () => (await fs.readdir(path)).sort()),
    rename: (from, to) => attempt("rename", from, () => fs.rename(from, to)),
    link: (from, to) =>
      attempt("link", from, async () => {
        try {
          await fs.link(from, to);
          return true;
        } catch (error) {
          if (errnoOf(error) === "EEXIST") return false;
          throw error;
        }
      }),
    remove: (path) => attempt("remove", path, () => fs.unlink(path)),
    makeDirectory,
    syncDirectory,
    exists: (path) =>
      attempt("look for", path, async () => {
        try {
          await fs.stat(path);
          return true;
        } catch (error) {
          if (errnoOf(error) === "ENOENT") return false;
          throw error;
        }
      }),
    fileSizeBytes: (path) =>
      attempt("look at", path, async () => {
        const found = await fs.stat(path);
        return found.isDirectory() ? null : found.size;
      }),
    identity: (path) =>
      attempt("look at", path, async () => {
        try {
          return identityOf(await fs.stat(path, { bigint: true }));
        } catch (error) {
          if (errnoOf(error) === "ENOENT") return null;
          throw error;
        }
      }),
  };
}

/** The number alone may be given again as soon as the file is gone. */
function identityOf({ dev, ino, birthtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${birthtimeNs}`;
}

async function openFile(path: string, mode: "read" | "append" | "create"): Promise<FileHandle> {
  return attempt("open", path, async () => {
    return new NodeFile(path, await fs.open(path, flags[mode]));
  });
}

/** Makes every missing folder of the path, and then their names durable, from the outermost inwards. */
async function makeDirectory(path: string): Promise<void> {
  await attempt("make the folder", path, async () => {
    const first = await fs.mkdir(path, { recursive: true });
    if (first === undefined) return;
    const outermost = dirname(first);
    const parents: string[] = [];
    for (let parent = dirname(resolve(path)); ; parent = dirname(parent)) {
      parents.push(parent);
      if (parent === outermost || parent === dirname(parent)) break;
    }
    for (const parent of parents.reverse()) await syncDirectory(parent);
  });
}

async function syncDirectory(path: string): Promise<void> {
  await attempt("make durable the names in", path, async () => {
    let handle: fs.FileHandle;
    try {
      handle = await fs.open(path, "r");
    } catch (error) {
      // Windows opens no folders, and keeps names durable by itself.
      if (process.platform === "win32" && errnoOf(error) !== "ENOENT") return;
      throw error;
    }
    try {
      await handle.sync();
    } catch (error) {
      if (process.platform !== "win32") throw error;
    } finally {
      await handle.close();
    }
  });
}

class NodeFile implements FileHandle {
  readonly #path: string;
  readonly #handle: fs.FileHandle;

  constructor(path: string, handle: fs.FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  async append(buffers: readonly Uint8Array[]): Promise<void> {
    await attempt("append to", this.#path, async () => {
      for (let at = 0; at < buffers.length; at += buffersMax)
        await this.#appendSome(buffers.slice(at, at + buffersMax));
    });
  }

  async #appendSome(all: readonly Uint8Array[]): Promise<void> {
    let rest = all.filter((buffer) => 0 < buffer.length);
    while (0 < rest.length) {
      const { bytesWritten } = await this.#handle.writev(rest);
      rest = dropBytes(rest, bytesWritten);
    }
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return attempt("read", this.#path, async () => {
      const bytes = Buffer.allocUnsafeSlow(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await this.#handle.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return new Uint8Array(bytes.buffer, bytes.byteOffset, filled);
    });
  }

  sizeBytes(): Promise<number> {
    return attempt("look at", this.#path, async () => (await this.#handle.stat()).size);
  }

  identity(): Promise<string> {
    return attempt("look at", this.#path, async () => identityOf(await this.#handle.stat({ bigint: true })));
  }

  sync(): Promise<void> {
    return attempt("make durable", this.#path, () => this.#handle.datasync());
  }

  truncate(sizeBytes: number): Promise<void> {
    return attempt("cut", this.#path, () => this.#handle.truncate(sizeBytes));
  }

  close(): Promise<void> {
    return attempt("close", this.#path, () => this.#handle.close());
  }
}

/** The buffers without their first `count` bytes: what a partial write has left over. */
export function dropBytes(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count;
  const rest: Uint8Array[] = [];
  for (const buffer of buffers) {
    if (left < buffer.length) rest.push(left === 0 ? buffer : buffer.subarray(left));
    left = Math.max(0, left - buffer.length);
  }
  return rest;
}

async function attempt<T>(doing: string, path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw fileError(doing, path, error);
  }
}
