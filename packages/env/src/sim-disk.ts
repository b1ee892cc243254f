/**
 * What a simulated disk holds, and what of it survives a crash.
 *
 * A file's bytes and its name are two things: bytes are durable after `sync` of the file, names after `syncDirectory`
 * of the folder. At a crash, of what is not durable a random part survives: changes of names in any
 * selection, appended bytes up to some place, and of those some may be zeros, as on a disk that had grown the file but not written it yet.
 */

import type { Prng } from "./sim-random.ts";

/** A file's bytes, apart from its names. */
export class SimInode {
  #bytes: Uint8Array = new Uint8Array(64);
  #size = 0;
  /** So many of the first bytes the disk surely holds. */
  #durableSize = 0;
  /** What was there before the first cut that is not synced: the disk may still hold it. */
  #uncut: { readonly bytes: Uint8Array; readonly durableSize: number } | undefined;
  #isLosing = false;

  get size(): number {
    return this.#size;
  }

  append(bytes: Uint8Array): void {
    if (this.#bytes.length < this.#size + bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#size + bytes.length));
      grown.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  read(offset: number, length: number): Uint8Array {
    return this.#bytes.slice(offset, Math.min(this.#size, offset + length));
  }

  truncate(size: number): void {
    if (this.#size < size) this.append(new Uint8Array(size - this.#size));
    this.#uncut ??= { bytes: this.#bytes.slice(0, this.#size), durableSize: this.#durableSize };
    this.#size = size;
    this.#durableSize = Math.min(this.#durableSize, size);
  }

  sync(): void {
    if (this.#isLosing) return;
    this.#uncut = undefined;
    this.#durableSize = this.#size;
  }

  /** After a failed sync the system counts the lost pages as written: later syncs say yes and keep nothing. */
  failSync(): void {
    this.#isLosing = true;
  }

  flip(offset: number, mask: number): void {
    const byte = this.#bytes[offset];
    if (byte === undefined || this.#size <= offset) return;
    this.#bytes[offset] = byte ^ mask;
    const old = this.#uncut?.bytes[offset];
    if (this.#uncut !== undefined && old !== undefined) this.#uncut.bytes[offset] = old ^ mask;
  }

  crash(random: Prng): void {
    if (this.#uncut !== undefined && random.chance(0.5)) {
      this.#bytes = this.#uncut.bytes;
      this.#size = this.#uncut.bytes.length;
      this.#durableSize = this.#uncut.durableSize;
    }
    if (this.#durableSize < this.#size) {
      const unsynced = this.#size - this.#durableSize;
      const kept = this.#isLosing || random.chance(0.3) ? 0 : random.integer(unsynced + 1);
      this.#size = this.#durableSize + kept;
      if (random.chance(0.3)) {
        const from = this.#durableSize + random.integer(kept + 1);
        this.#bytes.fill(0, from, Math.min(this.#size, from + random.integer(kept + 1)));
      }
    }
    this.#uncut = undefined;
    this.#durableSize = this.#size;
    this.#isLosing = false;
  }
}

/** The names in one folder, as they are and as they would be after a crash. */
export class SimFolder {
  names = new Map<string, SimInode>();
  #durable = new Map<string, SimInode>();
  #pending: ((names: Map<string, SimInode>) => void)[] = [];

  /** Changes names now; durable after `sync`. One change survives a crash as a whole or not at all. */
  change(apply: (names: Map<string, SimInode>) => void): void {
    apply(this.names);
    this.#pending.push(apply);
  }

  sync(): void {
    this.#durable = new Map(this.names);
    this.#pending = [];
  }

  crash(random: Prng): void {
    // Nobody promises that changes of names reach the disk in their order.
    const share = random.integer(3) / 2;
    for (const apply of this.#pending) if (random.chance(share)) apply(this.#durable);
    this.names = this.#durable;
    this.sync();
  }
}
