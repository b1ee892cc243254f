/** The processes of this machine, told apart by what Linux says of them under /proc; elsewhere by their numbers alone. */

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import process from "node:process";
import type { Processes, ProcessIdentity } from "./env.ts";
import { errnoOf } from "./node-errors.ts";

/** This process and its neighbours. */
export function createNodeProcesses(): Processes {
  const boot = orEmpty(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
  const started = orEmpty(() => startedOf(readFileSync("/proc/self/stat", "utf8")));
  return {
    self: { pid: process.pid, started, boot },
    hostName: hostname(),
    isAlive: async (identity) => identity.boot === boot && (await isRunning(identity)),
  };
}

async function isRunning({ pid, started }: ProcessIdentity): Promise<boolean> {
  if (!exists(pid)) return false;
  if (started === "") return true;
  try {
    return startedOf(await readFile(`/proc/${pid}/stat`, "utf8")) === started;
  } catch (error) {
    // It ended between the two looks.
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ESRCH") return false;
    throw error;
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process is there all the same.
    return errnoOf(error) === "EPERM";
  }
}

/** The start time in clock ticks after boot: field 22, counted behind the name, which may have spaces and brackets. */
function startedOf(stat: string): string {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function orEmpty(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "";
    throw error;
  }
}
