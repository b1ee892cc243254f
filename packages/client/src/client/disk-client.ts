/** The client whose spool is a folder. */

import type { Env } from "@epsilon/env";
import { Reader } from "../reads/reader.ts";
import { openSpool } from "../spool/disk-spool.ts";
import { Client } from "./client.ts";
import type { ClientSettings } from "./options.ts";

export interface ClientOptions extends ClientSettings {
  /** The folder of the spool, which any number of processes may share. */
  readonly spool: string;
}

/** A client over this world's files. Throws as `Client` does. */
export function createDiskClient(env: Env, options: ClientOptions): Client {
  const { spool: directory, source, spoolBytesMax, hash } = options;
  return new Client(env, options, {
    openSpool: (world, onPart) =>
      openSpool(world, {
        directory,
        ...(source === undefined ? {} : { sourcePrefix: source }),
        ...(spoolBytesMax === undefined ? {} : { bytesMax: spoolBytesMax }),
        ...(hash === undefined ? {} : { hash }),
        onPart,
      }),
    openReader: (world, settings) => new Reader(world, settings),
  });
}
