/**
 * Chunks in IndexedDB, which all tabs of an origin share. Browsers answer a write before it is on the disk unless they are
 * asked for more: what may not be lost is written with strict durability.
 */

import { EpsilonError, must } from "@epsilon/model";
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import {
  type ChunkStore,
  lettersMax,
  type PartRecord,
  type StoredChunk,
  startingAfter,
} from "./chunk-store.ts";

interface Schema extends DBSchema {
  readonly about: { readonly key: string; readonly value: string };
  readonly parts: { readonly key: string; readonly value: PartRecord };
  readonly chunks: { readonly key: [string, number]; readonly value: StoredChunk };
  readonly letters: { readonly key: number; readonly value: Readonly<Record<string, unknown>> };
}

const version = 1;
const strict = { durability: "strict" } as const;

/** Opens a database, made if it is not there. Rejects with `io_error` where the browser gives none, and with `disk_full`. */
export async function openIndexedStore(name: string): Promise<ChunkStore> {
  const database = await guarded(
    () =>
      openDB<Schema>(name, version, {
        upgrade(db) {
          db.createObjectStore("about");
          db.createObjectStore("parts", { keyPath: "part" });
          db.createObjectStore("chunks", { keyPath: ["part", "end"] });
          db.createObjectStore("letters", { autoIncrement: true });
        },
        // A newer release in another tab wants to change the database: this one lets it, and fails from now on.
        blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
      }),
    name,
  );
  return storeOver(database, name);
}

function storeOver(db: IDBPDatabase<Schema>, name: string): ChunkStore {
  const run = <T>(work: () => Promise<T>): Promise<T> => guarded(work, name);
  return {
    place: `the database ${name} of this browser`,
    id: (drawn) =>
      run(async () => {
        const tx = db.transaction("about", "readwrite", strict);
        const known = await tx.store.get("id");
        if (known === undefined) await tx.store.put(drawn, "id");
        await tx.done;
        return known ?? drawn;
      }),
    parts: () => run(() => db.getAll("parts")),
    change: (part, to) =>
      run(async () => {
        const tx = db.transaction("parts", "readwrite", strict);
        const changed = to(await tx.store.get(part));
        await Promise.all([tx.store.put(changed), tx.done]);
        return changed;
      }),
    add: (chunks) =>
      run(async () => {
        const tx = db.transaction("chunks", "readwrite", strict);
        await Promise.all([...chunks.map((chunk) => tx.store.add(chunk)), tx.done]);
      }),
    lastUpTo: (part, position) =>
      run(async () => {
        const range = IDBKeyRange.bound([part, 0], [part, position]);
        const cursor = await db.transaction("chunks").store.openCursor(range, "prev");
        return cursor?.value;
      }),
    after: (part, position, count) =>
      run(() =>
        db.getAll("chunks", IDBKeyRange.bound([part, position], [part, Number.MAX_VALUE], true), count),
      ),
    trim: (part, position) =>
      run(async () => {
        const tx = db.transaction(["chunks", "parts"], "readwrite", { durability: "relaxed" });
        const [chunks, parts] = [tx.objectStore("chunks"), tx.objectStore("parts")];
        const range = IDBKeyRange.bound([part, 0], [part, position]);
        const [last, known] = await Promise.all([chunks.openCursor(range, "prev"), parts.get(part)]);
        const record = startingAfter(must(known), last?.value);
        await Promise.all([chunks.delete(range), parts.put(record), tx.done]);
        return record;
      }),
    setAside: (letter) =>
      run(async () => {
        const tx = db.transaction("letters", "readwrite", strict);
        const key = await tx.store.add(letter);
        if (lettersMax < key) await tx.store.delete(IDBKeyRange.upperBound(key - lettersMax));
        await tx.done;
      }),
    setAsides: () => run(() => db.getAll("letters")),
    close: () => db.close(),
  };
}

/** What the browser fails with, as a code that says what to do. */
async function guarded<T>(work: () => Promise<T>, name: string): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof EpsilonError) throw cause;
    const what = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    if (cause instanceof Error && cause.name === "QuotaExceededError")
      throw new EpsilonError("disk_full", `no room for the database ${name} (${what}); make room`, { cause });
    throw new EpsilonError("io_error", `the database ${name} of this browser refused (${what})`, { cause });
  }
}
