/** The client in a browser. */

import type { Env, ReportEvent } from "@epsilon/env";
import { browserLocks, browserPage, createBrowserEnv, type Locks } from "@epsilon/env/browser";
import { bytesToHex, EpsilonError, sha256 } from "@epsilon/model";
import { Client } from "../client/client.ts";
import type { ClientSettings } from "../client/options.ts";
import type { Part, Spool } from "../spool/spool.ts";
import type { ChunkStore } from "./chunk-store.ts";
import { openIndexedStore } from "./indexed-store.ts";
import { createMemoryStore } from "./memory-store.ts";
import { openStoredSpool } from "./stored-spool.ts";

export interface BrowserClientOptions extends ClientSettings {
  /** The name of the database, which all tabs of the origin may share; `epsilon` unless given. */
  readonly spool?: string;
  /** Told of what is worth a log line: that nothing is kept beyond the page, for one (`spool_in_memory`). */
  readonly report?: (event: ReportEvent) => void;
}

/**
 * A client of several instances that writes to a spool in this browser and sends from there:
 *
 *     const epsilon = createClient({ instances: ["https://a.example", "https://b.example"], collection: "views" });
 *     epsilon.record({ path: location.pathname });
 *
 * Throws `bad_collection` and `bad_request` for options that do not fit.
 */
export function createClient(options: BrowserClientOptions): Client {
  const { report } = options;
  return new Client(createBrowserEnv(report === undefined ? {} : { report }), options, {
    openSpool: (env, onPart) => openBrowserSpool(env, options, onPart),
    // A page that only writes need not load it.
    openReader: async (env, settings) => {
      const { Reader } = await import("../reads/reader.ts");
      return new Reader(env, settings);
    },
    page: browserPage(),
  });
}

/** Opens the spool in this browser's database; in memory, with a warning, where it has none to give. */
export async function openBrowserSpool(
  env: Env,
  options: BrowserClientOptions,
  onPart: (part: Part) => void,
): Promise<Spool> {
  const { spool: name = "epsilon", source: sourcePrefix, spoolBytesMax: bytesMax, hash = sha256 } = options;
  const kept = await openKept(env, name);
  return openStoredSpool(env, { ...kept, hash, sourcePrefix, bytesMax, onPart });
}

interface Kept {
  readonly store: ChunkStore;
  readonly locks: Locks;
}

async function openKept(env: Env, name: string): Promise<Kept> {
  try {
    const locks = browserLocks();
    // Without them two tabs would write the same part.
    if (locks === undefined)
      throw new EpsilonError("io_error", "this page may take no locks: it is not served over https");
    const store = await openIndexedStore(name);
    // Some browsers let a database be opened that takes nothing.
    await store.id(bytesToHex(env.random.bytes(8)));
    return { store, locks };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    env.report({ level: "warn", event: "spool_in_memory", details: { reason } });
    return { store: createMemoryStore(), locks: ownLocks };
  }
}

/** Nobody else has this memory. */
const ownLocks: Locks = { take: async () => () => undefined };
