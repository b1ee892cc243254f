/** What the tests of the command line share: running it as a process, a server to talk to, folders that go away. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { must } from "@epsilon/model";

// Hooks of the test runner belong to the test that asks for them, or to none: what is left at the end goes then.
const leftovers: (() => void)[] = [];
process.once("exit", () => {
  for (const remove of leftovers) remove();
});

const command = fileURLToPath(new URL("../bin/epsilon.js", import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

/** Runs `epsilon` with these words to its end. */
export async function epsilon(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = start(words, options.variables);
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(options.input ?? "");
  const stdout = gather(child.stdout);
  const stderr = gather(child.stderr);
  const code = await exitOf(child);
  return { code, stdout: await stdout, stderr: await stderr };
}

/** Starts `epsilon`; the test ends it. No variable of the outside reaches it. */
export function start(
  words: readonly string[],
  variables: Readonly<Record<string, string>> = {},
  stdout: "pipe" | number = "pipe",
): ChildProcess {
  const outside = Object.entries(process.env).filter(([name]) => !name.startsWith("EPSILON_"));
  return spawn(process.execPath, [command, ...words], {
    env: { ...Object.fromEntries(outside), ...variables },
    stdio: ["pipe", stdout, "pipe"],
  });
}

function startLimited(words: readonly string[], fileKilobytesMax: number): ChildProcess {
  const script = `ulimit -f ${fileKilobytesMax}; exec "$@"`;
  return spawn("bash", ["-c", script, "bash", process.execPath, command, ...words], {
    stdio: ["ignore", "ignore", "pipe"],
  });
}

/** A folder that is gone after the tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "epsilon-cli-"));
  // A process that was killed just now may still be writing into it.
  leftovers.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** A file in a new folder. */
export function temporaryFile(name: string, content: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, content);
  return path;
}

export interface Served {
  readonly url: string;
  readonly data: string;
  /** All of stderr so far. */
  readonly said: () => string;
  /** Settles with the exit code. */
  readonly ended: Promise<number | null>;
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/**
 * Starts an instance on a free port, and waits until it listens. `fileKilobytesMax`: the system lets it write no larger
 * file.
 */
export async function serve(
  data: string,
  words: readonly string[] = [],
  fileKilobytesMax?: number,
): Promise<Served> {
  const all = ["serve", "--data", data, "--listen", "127.0.0.1:0", ...words];
  return listening(data, fileKilobytesMax === undefined ? start(all) : startLimited(all, fileKilobytesMax));
}

/** Starts a relay on a free port, and waits until it listens. `data` is its spool. */
export async function serveRelay(
  spool: string,
  urls: readonly string[],
  words: readonly string[] = [],
): Promise<Served> {
  const all = ["relay", "--to", urls.join(","), "--spool", spool, "--listen", "127.0.0.1:0", ...words];
  return listening(spool, start(all));
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}

async function listening(data: string, child: ChildProcess): Promise<Served> {
  const ended = exitOf(child);
  leftovers.unshift(() => child.kill("SIGKILL"));
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    must(child.stderr).on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const [, found] = /(?:listening on |"url":")(https?:\/\/[0-9a-z.:[\]]+)/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.once("exit", () => reject(new assert.AssertionError({ message: `it ended: ${said}` })));
  });
  return {
    url,
    data,
    said: () => said,
    ended,
    end: async (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}

/** A child's exit code, once its streams are through. */
export function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code));
  });
}

async function gather(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = "";
  for await (const chunk of must(stream)) text += chunk.toString();
  return text;
}

/** Lines of JSON, parsed. */
export function parseLines(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
