/**
 * Starts what is measured as processes of their own and reads what they used: the instance (`epsilon serve` as it is
 * installed), the floor, and the load generator. Whatever was started is ended by the returned handle, also after a
 * failure (`await using`).
 */

import { type ChildProcess, fork, spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { EpsilonError, must } from "@epsilon/model";
import type { LoadMessage, LoadOptions, LoadResult, Stretch } from "./load.ts";

/** The installed command. */
export const epsilonCommand = fileURLToPath(new URL("../../../cli/bin/epsilon.js", import.meta.url));

/** CPU and memory of a process until now. NaN where the system has no /proc. */
export interface Usage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly residentPeakBytes: number;
}

/** A server that answers at `origin`. */
export interface RunningServer extends AsyncDisposable {
  readonly origin: string;
  readonly pid: number;
  /** Milliseconds from the start of the process to its first good answer. */
  readonly startMs: number;
  usage(): Usage;
  /** SIGTERM, and settles when it has ended. */
  stop(): Promise<void>;
  /** SIGKILL, and settles when it has ended. */
  kill(): Promise<void>;
}

/** Starts `epsilon serve` on a data folder. Rejects with `unreachable` if it does not answer within a minute. */
export async function startEpsilon(
  dataDirectory: string,
  options: { readonly flags?: readonly string[]; readonly port?: number } = {},
): Promise<RunningServer> {
  const port = options.port ?? (await freePort());
  const args = ["serve", "--data", dataDirectory, "--listen", `127.0.0.1:${port}`, ...(options.flags ?? [])];
  return await startServer([epsilonCommand, ...args], {
    port,
    logFile: `${dataDirectory}.log`,
    path: "/readyz",
  });
}

/** Starts `epsilon relay` to these instances. Rejects as `startEpsilon` does. */
export async function startRelay(
  spoolDirectory: string,
  urls: readonly string[],
  options: { readonly flags?: readonly string[]; readonly port?: number } = {},
): Promise<RunningServer> {
  const port = options.port ?? (await freePort());
  const where = ["--to", urls.join(","), "--spool", spoolDirectory, "--listen", `127.0.0.1:${port}`];
  return await startServer([epsilonCommand, "relay", ...where, ...(options.flags ?? [])], {
    port,
    logFile: `${spoolDirectory}.log`,
    path: "/readyz",
  });
}

/** Starts the floor, which appends to `file`. */
export async function startFloor(file: string): Promise<RunningServer> {
  const port = await freePort();
  const script = fileURLToPath(new URL("floor.js", import.meta.url));
  return await startServer([script, String(port), file], { port, logFile: `${file}.log`, path: "/" });
}

/** Starts a Node script without waiting for it to answer. */
export function spawnNode(args: readonly string[], logFile: string): ChildProcess {
  const log = openSync(logFile, "a");
  return spawn(process.execPath, args, { stdio: ["ignore", log, log] });
}

async function startServer(
  args: readonly string[],
  where: { readonly port: number; readonly logFile: string; readonly path: string },
): Promise<RunningServer> {
  const startedMs = performance.now();
  const child = spawnNode(args, where.logFile);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const origin = `http://127.0.0.1:${where.port}`;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await ended;
  };
  while (!(await answers(origin + where.path))) {
    if (child.exitCode !== null || 60_000 < performance.now() - startedMs) {
      await end("SIGKILL");
      const output = readFileSync(where.logFile, "utf8").slice(-2000);
      throw new EpsilonError("unreachable", `${args.join(" ")} did not answer: ${output}`);
    }
    await sleep(5);
  }
  const pid = must(child.pid);
  return {
    origin,
    pid,
    startMs: performance.now() - startedMs,
    usage: () => usageOf(pid),
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    [Symbol.asyncDispose]: () => end("SIGKILL"),
  };
}

/** True once `url` answers 200. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.arrayBuffer();
    return response.status === 200;
  } catch (error) {
    // `fetch` rejects with a TypeError while nobody listens there; anything else is ours.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** A load generator that has prepared its bodies. `go` settles with its measurements. */
export interface Load {
  go(onStretch?: (stretch: Stretch) => void): Promise<LoadResult>;
  end(): void;
}

/** Starts a load generator; settles when its bodies are prepared. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const child = fork(fileURLToPath(new URL("load.js", import.meta.url)), [], {
    env: { ...process.env, EPSILON_LAB_LOAD: JSON.stringify(options) },
  });
  await nextMessage(child, "ready");
  return {
    go: async (onStretch) => {
      child.on("message", (message: LoadMessage) => {
        if (message.kind === "progress") onStretch?.(message.stretch);
      });
      child.send("go");
      const done = await nextMessage(child, "done");
      return done.result;
    },
    end: () => child.kill("SIGKILL"),
  };
}

function nextMessage<K extends LoadMessage["kind"]>(
  child: ChildProcess,
  kind: K,
): Promise<Extract<LoadMessage, { kind: K }>> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: LoadMessage) => {
      if (message.kind === "failed") fail(message.message);
      else if (message.kind === kind) {
        forget();
        resolve(message as Extract<LoadMessage, { kind: K }>);
      }
    };
    const onExit = () => fail("the load generator ended early");
    const fail = (message: string) => {
      forget();
      reject(new EpsilonError("internal", message));
    };
    const forget = () => {
      child.off("message", onMessage);
      child.off("exit", onExit);
    };
    child.on("message", onMessage);
    child.once("exit", onExit);
  });
}

/** CPU time and resident memory of a process, from /proc (Linux; ticks of 10 ms). */
export function usageOf(pid: number): Usage {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
      residentBytes: 1024 * kilobytes("VmRSS"),
      residentPeakBytes: 1024 * kilobytes("VmHWM"),
    };
  } catch (cause) {
    if (process.platform === "linux") throw new EpsilonError("io_error", `no process ${pid}`, { cause });
    return { cpuSeconds: Number.NaN, residentBytes: Number.NaN, residentPeakBytes: Number.NaN };
  }
}

/** A folder that is removed, with everything in it, when its scope ends. `EPSILON_LAB_DIR` says where. */
export async function temporaryDirectory(name: string): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(process.env["EPSILON_LAB_DIR"] ?? tmpdir(), `epsilon-${name}-`));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** The bytes of all files under a folder. */
export async function directoryBytes(path: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size;
  return sum;
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === "object"
          ? resolve(address.port)
          : reject(new EpsilonError("internal", "no port")),
      );
    });
  });
}
