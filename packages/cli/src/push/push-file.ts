/** A file to all instances: from where each of them stands, until enough of them have its last event. */

import { resolve } from "node:path";
import {
  createHttpClient,
  type Delivered,
  deliver,
  FileSource,
  fileInput,
  fileSourceName,
  pushEvents,
  type ReplicatorState,
  readFileEvents,
} from "@epsilon/client";
import { EpsilonError } from "@epsilon/model";
import { nativeSha256 } from "./inputs.ts";
import type { PushWork } from "./push-work.ts";
import { addSums, noSums, type Sums, sumsOf } from "./report.ts";

/** The source that a file is. */
export function sourceOf(work: PushWork, file: string, fileIndex: number): FileSource {
  const { env, flags, options, rejections } = work;
  const path = resolve(file);
  return new FileSource(env, {
    ...options,
    path,
    name: flags.source ?? fileSourceName(env.processes.hostName, path),
    collection: flags.collection,
    hash: nativeSha256,
    onRejected: (rejected) => rejections.add(fileIndex, { file, ...rejected }),
  });
}

export interface Pushed {
  readonly sums: Sums;
  readonly delivered: readonly Delivered[];
}

/** Pushes a file. Rejects as `deliver` does. */
export async function pushFile(
  work: PushWork,
  { file, fileIndex }: { readonly file: string; readonly fileIndex: number },
  onProgress: (states: readonly ReplicatorState[]) => void,
): Promise<Pushed> {
  const { env, flags, instances, rejections, signal } = work;
  const source = sourceOf(work, file, fileIndex);
  const before = rejections.count;
  try {
    await source.look();
    const delivered = await deliver(env, source, {
      instances,
      acknowledgement: flags.ack,
      timeoutMs: flags.timeout,
      signal,
      onProgress,
      onRejected: ({ lineNumber = 0, code, message }) =>
        rejections.add(fileIndex, { file, line: lineNumber, code, message }),
    });
    return { sums: sumsOf(delivered, rejections.count - before), delivered };
  } catch (error) {
    const isForbidden = error instanceof EpsilonError && error.code === "forbidden";
    if (!isForbidden || work.instances.every(({ token }) => token === undefined)) throw error;
    return { sums: await pushPlainly(work, { file, fileIndex }), delivered: [] };
  } finally {
    await source.close();
  }
}

/** With a token that may only append there are no cursors: all of it is sent, and what is there already is a duplicate. */
async function pushPlainly(
  work: PushWork,
  { file, fileIndex }: { readonly file: string; readonly fileIndex: number },
): Promise<Sums> {
  const { env, flags, options, instances, rejections } = work;
  let most = noSums;
  for (const { url, token } of instances) {
    const client = createHttpClient(env, { url, token });
    const events = readFileEvents(env, fileInput(env, resolve(file)), options, nativeSha256);
    const totals = await pushEvents(env, client, events, {
      collection: flags.collection,
      timeoutMs: flags.timeout,
      onRejected: (rejected) => rejections.add(fileIndex, { file, ...rejected }),
    });
    if (most.received <= totals.received) most = addSums(noSums, totals);
  }
  return most;
}
