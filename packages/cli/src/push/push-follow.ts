/** Files that grow, to all instances, until somebody stops it. */

import { resolve } from "node:path";
import { FollowedFile, fileSourceName, Replication } from "@epsilon/client";
import { startProgress } from "../progress.ts";
import { nativeSha256 } from "./inputs.ts";
import type { PushWork } from "./push-work.ts";
import { progressWords, rejectionLine } from "./report.ts";

const lookEveryMs = 500;

/** Follows the files; answers the exit code once the work's signal is aborted. Rejects with what is wrong with a file at first. */
export async function followFiles(work: PushWork, files: readonly string[]): Promise<number> {
  const { env, output, flags, options, instances, signal } = work;
  let rejected = 0;
  const complain = (file: string, line: number, reason: { code: string; message: string }): void => {
    rejected += 1;
    output.complain(rejectionLine({ file, line, ...reason }));
  };
  const sources = files.map((file) => {
    const path = resolve(file);
    return new FollowedFile(env, {
      ...options,
      path,
      name: flags.source ?? fileSourceName(env.processes.hostName, path),
      collection: flags.collection,
      hash: nativeSha256,
      onRejected: ({ line, ...reason }) => complain(file, line, reason),
    });
  });
  const progress = startProgress(undefined, flags.quiet === true);
  try {
    // What no repetition helps against is told before anything is begun.
    for (const source of sources) await source.end();
    const replication = new Replication(env, {
      instances,
      onRejected: ({ source, lineNumber = 0, code, message }) =>
        complain(source, lineNumber, { code, message }),
    });
    for (const source of sources) replication.add(source);
    while (!signal.aborted) {
      await env.clock.sleep(lookEveryMs, signal).catch(() => undefined);
      const events = replication.states.reduce((sum, { deliveredEvents }) => sum + deliveredEvents, 0);
      progress.update(0, `followed: ${events} events delivered; ${progressWords(replication.states)}`);
    }
    await replication.stop();
  } finally {
    progress.end();
    for (const source of sources) await source.close();
  }
  return rejected > 0 ? 1 : 0;
}
