/**
 * What comes once. To one instance it is sent as it comes; to several, or with `--spool`, it is written to a spool first, and
 * sent from there: what one of them has not taken when the command ends waits for the next one.
 */

import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import {
  chunksOf,
  createDiskClient,
  createHttpClient,
  type FileInput,
  pushEvents,
  type ReplicatorState,
  readFileEvents,
  untilStalled,
} from "@epsilon/client";
import { must } from "@epsilon/model";
import { nativeSha256 } from "./inputs.ts";
import type { PushWork } from "./push-work.ts";
import { addSums, noSums, type Sums } from "./report.ts";

interface Pipe {
  readonly file: string;
  readonly fileIndex: number;
  readonly input: FileInput;
}

/** Sends a pipe to one instance as it comes. Rejects with the error of the batch that could not be written in time. */
export async function pushPipe(
  work: PushWork,
  { file, fileIndex, input }: Pipe,
  onProgress: (sums: Sums) => void,
): Promise<Sums> {
  const { env, flags, options, rejections } = work;
  const { url, token } = must(work.instances[0]);
  const events = readFileEvents(env, input, options, nativeSha256);
  const totals = await pushEvents(env, createHttpClient(env, { url, token }), events, {
    collection: flags.collection,
    timeoutMs: flags.timeout,
    onRejected: (rejected) => rejections.add(fileIndex, { file, ...rejected }),
    onProgress,
  });
  return addSums(noSums, totals);
}

export interface Spooled {
  /** Events that are in the spool. */
  readonly spooled: number;
  readonly folder: string;
  readonly states: readonly ReplicatorState[];
}

/** Sends a pipe through the spool; settles when enough instances have it. Rejects as `untilStalled` and `Client.append` do. */
export async function pushThroughSpool(
  work: PushWork,
  { file, fileIndex, input }: Pipe,
  onProgress: (states: readonly ReplicatorState[], spooled: number) => void,
): Promise<Spooled> {
  const { env, flags, options, instances, rejections, signal } = work;
  const folder = resolve(flags.spool ?? defaultSpool(instances.map(({ url }) => url)));
  const token = instances[0]?.token;
  const client = createDiskClient(env, {
    instances: instances.map(({ url }) => url),
    collection: flags.collection,
    spool: folder,
    ...(token === undefined ? {} : { token }),
    ...(flags.source === undefined ? {} : { source: flags.source }),
    hash: nativeSha256,
    onRejected: ({ code, message }) => rejections.add(fileIndex, { file, line: 0, code, message }),
  });
  let spooled = 0;
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  try {
    for await (const { events, rejected } of readFileEvents(env, input, options, nativeSha256)) {
      for (const bad of rejected) rejections.add(fileIndex, { file, ...bad });
      await client.append(chunksOf(events), { signal: stop });
      spooled += events.length;
    }
    const stalled = untilStalled(env, {
      states: () => client.states,
      readSoFar: () => spooled,
      acknowledgement: flags.ack,
      timeoutMs: flags.timeout,
      onProgress: (states) => onProgress(states, spooled),
      signal: stop,
    });
    const flushed = client.flush({ ack: flags.ack, timeoutMs: Number.POSITIVE_INFINITY, signal: stop });
    // Whichever comes first is told.
    flushed.catch(() => undefined);
    await Promise.race([flushed, stalled]);
    return { spooled, folder, states: client.states };
  } finally {
    over.abort();
    await client.close();
  }
}

/** A folder of its own for each set of instances: what waits there goes to the same ones. */
function defaultSpool(urls: readonly string[]): string {
  const state = process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local", "state");
  const name = createHash("sha256").update(urls.toSorted().join("\n")).digest("hex").slice(0, 16);
  return join(state, "epsilon", `push-${name}`);
}
