/** Files in memory, with crashes, full disks, failing operations and damage at the test's command. */

import { EpsilonError, type ErrorCode } from "@epsilon/model";
import type { FileHandle, Files } from "./env.ts";
import { SimFolder, SimInode } from "./sim-disk.ts";
import type { Prng } from "./sim-random.ts";

/** An operation that can be made to fail. */
export type SimOperation =
  | "open"
  | "list"
  | "rename"
  | "link"
  | "remove"
  | "makeDirectory"
  | "syncDirectory"
  | "exists"
  | "identity"
  | "append"
  | "read"
  | "sizeBytes"
  | "sync"
  | "truncate"
  | "close";

/** The next such operation, on a path that contains `path`, fails with `code`. */
export interface SimFault {
  readonly op: SimOperation;
  readonly path?: string;
  readonly code: ErrorCode;
}

/** The disk of a simulated machine. `view` gives the files as one run of a program sees them. */
export class SimFiles {
  readonly #random: Prng;
  readonly #folders = new Map<string, SimFolder>([["/", new SimFolder()]]);
  readonly #faults: SimFault[] = [];
  #run = 0;
  #capacityBytes = Number.POSITIVE_INFINITY;
  #operationsToCrash = Number.POSITIVE_INFINITY;
  readonly #identities = new Map<SimInode, string>();
  /** How many operations were done so far; with it a test can place a crash. */
  operations = 0;

  constructor(random: Prng) {
    this.#random = random;
  }

  /** The files for one run: at the next crash all its operations and handles die with `io_error`. */
  view(): Files {
    const run = this.#run;
    const perform: Perform = (op, path, effect, onFault) => this.#perform(run, op, path, effect, onFault);
    return {
      open: (path, mode) => perform("open", path, () => this.#open(path, mode, perform)),
      list: (path) => perform("list", path, () => this.#list(path)),
      rename: (from, to) => perform("rename", from, () => this.#rename(from, to)),
      link: (from, to) => perform("link", from, () => this.#link(from, to)),
      remove: (path) =>
        perform("remove", path, () => {
          this.#mustFind(path);
          this.#folderOf(path).change((names) => names.delete(nameOf(path)));
        }),
      makeDirectory: (path) => perform("makeDirectory", path, () => this.#makeDirectory(path)),
      syncDirectory: (path) => perform("syncDirectory", path, () => this.#mustFolder(path).sync()),
      exists: (path) =>
        perform(
          "exists",
          path,
          () =>
            this.#folders.has(normal(path)) ||
            (this.#folders.get(folderPath(path))?.names.has(nameOf(path)) ?? false),
        ),
      fileSizeBytes: (path) =>
        perform("sizeBytes", path, () =>
          this.#folders.has(normal(path)) ? null : this.#mustFind(path).size,
        ),
      identity: (path) =>
        perform("identity", path, () => {
          const inode = this.#folders.get(folderPath(path))?.names.get(nameOf(path));
          return inode === undefined ? null : this.#identityOf(inode);
        }),
    };
  }

  /** The machine stops at once. What was not durable is lost, in part or whole. */
  crash(): void {
    this.#run += 1;
    this.#operationsToCrash = Number.POSITIVE_INFINITY;
    const inodes = new Set<SimInode>();
    for (const folder of this.#folders.values()) folder.crash(this.#random);
    for (const folder of this.#folders.values()) for (const inode of folder.names.values()) inodes.add(inode);
    for (const inode of inodes) inode.crash(this.#random);
  }

  /** Crashes in the midst of the operation that comes after `count` others. */
  crashAfter(count: number): void {
    this.#operationsToCrash = count;
  }

  failNext(fault: SimFault): void {
    this.#faults.push(fault);
  }

  /** How many bytes all files together may have; beyond them `append` writes what fits and is `disk_full`. */
  setCapacity(bytes: number): void {
    this.#capacityBytes = bytes;
  }

  /** Changes a byte, as a failing disk does. */
  corrupt(path: string, offset: number, mask = 0x01): void {
    this.#mustFind(path).flip(offset, mask);
  }

  /** A file's bytes. */
  bytesOf(path: string): Uint8Array {
    const inode = this.#mustFind(path);
    return inode.read(0, inode.size);
  }

  /** Puts a durable file there, and its folder, in place of any other. */
  put(path: string, bytes: Uint8Array): void {
    this.#makeDirectory(folderPath(path));
    const inode = new SimInode();
    inode.append(bytes);
    inode.sync();
    const folder = this.#folderOf(path);
    folder.change((names) => names.set(nameOf(path), inode));
    folder.sync();
  }

  get usedBytes(): number {
    let sum = 0;
    for (const folder of this.#folders.values()) for (const inode of folder.names.values()) sum += inode.size;
    return sum;
  }

  async #perform<T>(
    run: number,
    op: SimOperation,
    path: string,
    effect: () => T,
    onFault?: () => void,
  ): Promise<T> {
    this.#assertAlive(run, op, path);
    await Promise.resolve();
    this.#assertAlive(run, op, path);
    this.operations += 1;
    const isLast = this.#operationsToCrash <= 0;
    this.#operationsToCrash -= 1;
    if (isLast) {
      // The crash may come before the effect or after it; the program does not learn which.
      if (this.#random.chance(0.5)) ignoreFailure(effect);
      this.crash();
      this.#assertAlive(run, op, path);
    }
    const at = this.#faults.findIndex((fault) => fault.op === op && path.includes(fault.path ?? ""));
    const [fault] = at < 0 ? [] : this.#faults.splice(at, 1);
    if (fault !== undefined) {
      onFault?.();
      throw failure(fault.code, op, path);
    }
    const result = effect();
    await Promise.resolve();
    this.#assertAlive(run, op, path);
    return result;
  }

  #assertAlive(run: number, op: SimOperation, path: string): void {
    if (run !== this.#run) throw failure("io_error", op, path, "the machine has crashed since");
  }

  #open(path: string, mode: "read" | "append" | "create", perform: Perform): FileHandle {
    const folder = this.#folderOf(path);
    if (mode === "create") {
      if (folder.names.has(nameOf(path)) || this.#folders.has(normal(path)))
        throw failure("io_error", "open", path, "it exists already");
      const created = new SimInode();
      folder.change((names) => names.set(nameOf(path), created));
    }
    return this.#handle(path, this.#mustFind(path), mode !== "read", perform);
  }

  #handle(path: string, inode: SimInode, isWritable: boolean, perform: Perform): FileHandle {
    let isOpen = true;
    const use = <T>(op: SimOperation, effect: () => T, onFault?: () => void): Promise<T> =>
      perform(
        op,
        path,
        () => {
          if (!isOpen) throw failure("io_error", op, path, "the handle is closed");
          if (!isWritable && (op === "append" || op === "truncate"))
            throw failure("io_error", op, path, "it is open for reading");
          return effect();
        },
        onFault,
      );
    return {
      append: (buffers) =>
        use(
          "append",
          () => this.#append(path, inode, buffers),
          () => {
            const all = joined(buffers);
            inode.append(all.subarray(0, this.#random.integer(all.length + 1)));
          },
        ),
      read: (offset, length) => use("read", () => inode.read(offset, length)),
      sizeBytes: () => use("sizeBytes", () => inode.size),
      identity: () => use("identity", () => this.#identityOf(inode)),
      sync: () =>
        use(
          "sync",
          () => inode.sync(),
          () => inode.failSync(),
        ),
      truncate: (size) => use("truncate", () => inode.truncate(size)),
      close: () =>
        use("close", () => {
          isOpen = false;
        }),
    };
  }

  #identityOf(inode: SimInode): string {
    const known = this.#identities.get(inode) ?? String(this.#identities.size);
    this.#identities.set(inode, known);
    return known;
  }

  #append(path: string, inode: SimInode, buffers: readonly Uint8Array[]): void {
    const all = joined(buffers);
    const room = Math.max(0, this.#capacityBytes - this.usedBytes);
    inode.append(all.subarray(0, room));
    if (room < all.length) throw failure("disk_full", "append", path);
  }

  #list(path: string): readonly string[] {
    const names = [...this.#mustFolder(path).names.keys()];
    for (const folder of this.#folders.keys())
      if (folder !== "/" && folderPath(folder) === normal(path)) names.push(nameOf(folder));
    return names.sort();
  }

  #rename(from: string, to: string): void {
    const inode = this.#mustFind(from);
    const [source, target] = [this.#folderOf(from), this.#folderOf(to)];
    if (source !== target) {
      target.change((names) => names.set(nameOf(to), inode));
      source.change((names) => names.delete(nameOf(from)));
      return;
    }
    if (normal(from) === normal(to)) return;
    source.change((names) => {
      names.set(nameOf(to), inode);
      names.delete(nameOf(from));
    });
  }

  #link(from: string, to: string): boolean {
    const inode = this.#mustFind(from);
    const folder = this.#folderOf(to);
    if (folder.names.has(nameOf(to)) || this.#folders.has(normal(to))) return false;
    folder.change((names) => names.set(nameOf(to), inode));
    return true;
  }

  #makeDirectory(path: string): void {
    for (let at = normal(path); at !== "/"; at = folderPath(at))
      if (!this.#folders.has(at)) this.#folders.set(at, new SimFolder());
  }

  #mustFolder(path: string): SimFolder {
    const folder = this.#folders.get(normal(path));
    if (folder === undefined) throw failure("file_not_found", "open", path);
    return folder;
  }

  #folderOf(path: string): SimFolder {
    return this.#mustFolder(folderPath(path));
  }

  #mustFind(path: string): SimInode {
    const inode = this.#folderOf(path).names.get(nameOf(path));
    if (inode === undefined) throw failure("file_not_found", "open", path);
    return inode;
  }
}

type Perform = <T>(op: SimOperation, path: string, effect: () => T, onFault?: () => void) => Promise<T>;

function failure(code: ErrorCode, op: SimOperation, path: string, why = "simulated"): EpsilonError {
  return new EpsilonError(code, `cannot ${op} ${path}: ${why}`, { details: { file: path } });
}

function ignoreFailure(effect: () => unknown): void {
  try {
    effect();
  } catch (error) {
    // The crash that follows is all that the program gets to see.
    if (!(error instanceof EpsilonError)) throw error;
  }
}

function joined(buffers: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(buffers.reduce((sum, buffer) => sum + buffer.length, 0));
  let at = 0;
  for (const buffer of buffers) {
    all.set(buffer, at);
    at += buffer.length;
  }
  return all;
}

/** With a leading `/`, without a trailing one. */
function normal(path: string): string {
  return `/${path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/")}`;
}

function folderPath(path: string): string {
  return normal(normal(path).split("/").slice(0, -1).join("/"));
}

function nameOf(path: string): string {
  return normal(path).split("/").at(-1) ?? "";
}
