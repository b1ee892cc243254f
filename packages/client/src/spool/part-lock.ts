/**
 * The lock of a spool's part: held by a process for as long as it lives (docs/formats/spool-lock.md).
 *
 * Each change of hands makes a file `lock.<n>` with the next number, which only one process can make; the greatest
 * number decides. A lock is never just removed: a process that had listed the folder before could make the same number
 * again, and win against one that came after. What was replaced may be removed, because the greater number stays.
 */

import type { Env, ProcessIdentity } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { publishFirst, readSmallFile } from "./small-files.ts";

export interface PartLock {
  /** Gives it back. */
  release(): Promise<void>;
}

/** Takes the lock of a folder; undefined if a living process holds it. Rejects with `io_error` for a lock that says nothing. */
export async function takeLock(env: Env, directory: string): Promise<PartLock | undefined> {
  for (;;) {
    const generations = await listGenerations(env, directory);
    const last = generations.at(-1) ?? 0;
    const holder = last === 0 ? null : await readHolder(env, directory, last);
    // Gone since it was listed: somebody was faster.
    if (holder === undefined) continue;
    if (holder !== null && (await env.processes.isAlive(holder))) return undefined;
    const mine = last + 1;
    if (!(await publish(env, directory, mine, env.processes.self))) continue;
    // The number was free because its lock was given up and removed since: a greater one is there.
    if (mine < ((await listGenerations(env, directory)).at(-1) ?? 0)) {
      await removeIfThere(env, `${directory}/lock.${mine}`);
      continue;
    }
    await removeOlder(env, directory, mine);
    return { release: () => release(env, directory, mine) };
  }
}

async function release(env: Env, directory: string, mine: number): Promise<void> {
  await publish(env, directory, mine + 1, null);
  await removeOlder(env, directory, mine + 1);
}

function publish(
  env: Env,
  directory: string,
  generation: number,
  holder: ProcessIdentity | null,
): Promise<boolean> {
  const line = JSON.stringify({ format: "epsilon lock 1", holder });
  return publishFirst(env, { directory, name: `lock.${generation}` }, `${line}\n`);
}

async function listGenerations(env: Env, directory: string): Promise<readonly number[]> {
  const names = await env.files.list(directory);
  return names
    .map((name) => Number(/^lock\.([1-9]\d{0,14})$/.exec(name)?.[1]))
    .filter((generation) => !Number.isNaN(generation))
    .sort((a, b) => a - b);
}

/** Who holds it, null if it was given back, undefined if the file is gone. */
async function readHolder(
  env: Env,
  directory: string,
  generation: number,
): Promise<ProcessIdentity | null | undefined> {
  const path = `${directory}/lock.${generation}`;
  let text: string;
  try {
    text = await readSmallFile(env.files, path);
  } catch (error) {
    if (error instanceof EpsilonError && error.code === "file_not_found") return undefined;
    throw error;
  }
  const { holder } = (tryJson(text) ?? {}) as { readonly holder?: ProcessIdentity | null };
  if (holder === null) return null;
  const { pid, started, boot } = holder ?? {};
  if (typeof pid === "number" && typeof started === "string" && typeof boot === "string")
    return { pid, started, boot };
  throw new EpsilonError(
    "io_error",
    `${path} does not say who holds the lock; if no other process uses the spool, remove it`,
    { details: { file: path } },
  );
}

/** What is older says nothing any more. */
async function removeOlder(env: Env, directory: string, generation: number): Promise<void> {
  for (const older of await listGenerations(env, directory))
    if (older < generation) await removeIfThere(env, `${directory}/lock.${older}`);
}

async function removeIfThere(env: Env, path: string): Promise<void> {
  try {
    await env.files.remove(path);
  } catch (error) {
    if (!(error instanceof EpsilonError && error.code === "file_not_found")) throw error;
  }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
