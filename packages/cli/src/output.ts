/**
 * Where words go: answers to stdout, everything else to stderr. Writes to stdout wait for the reader, and a reader that
 * has seen enough (`| head`) ends the command quietly.
 */

import { EpsilonError, errors } from "@epsilon/model";

export interface Output {
  /** Answers. Settles when the reader has taken enough. */
  answer(text: string | Uint8Array): Promise<void>;
  /** A line for people, on stderr; nothing with `--quiet`. */
  say(line: string): void;
  /** A line that `--quiet` does not silence. */
  complain(line: string): void;
}

export function createOutput(isQuiet: boolean): Output {
  return {
    answer: async (text) => {
      if (process.stdout.write(text)) return;
      await new Promise((resolve) => process.stdout.once("drain", resolve));
    },
    say: (line) => {
      if (!isQuiet) process.stderr.write(`${line}\n`);
    },
    complain: (line) => {
      process.stderr.write(`${line}\n`);
    },
  };
}

/** Ends the process with 0 when whoever reads stdout has gone, and with 2 when an answer cannot be written. */
export function endWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    const code = error.code === "ENOSPC" ? "disk_full" : "io_error";
    const failure = new EpsilonError(code, `the answer cannot be written: ${error.message}`);
    process.stderr.write(`${errorLine(failure, false)}\n`);
    process.exit(2);
  });
  // Whoever does not read the complaints does not miss them either.
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

/** Waits until all that was written has left. */
export async function flushOutput(): Promise<void> {
  await new Promise<void>((resolve) => process.stdout.write("", () => resolve()));
  await new Promise<void>((resolve) => process.stderr.write("", () => resolve()));
}

/** An error as a line for people, or (with `--format json`) in the form that instances answer with. */
export function errorLine(error: unknown, isJson: boolean): string {
  const code = error instanceof EpsilonError ? error.code : "internal";
  const message = error instanceof Error ? error.message : String(error);
  if (isJson) return JSON.stringify({ error: { code, message } });
  if (error instanceof EpsilonError) return `epsilon: ${message} (${code})`;
  const stack = error instanceof Error ? error.stack : undefined;
  return `epsilon: ${message} (${code}: ${errors.internal.meaning})\n${stack ?? ""}`;
}

/** The exit code that goes with an error. */
export function exitCodeOf(error: unknown): 1 | 2 {
  return error instanceof EpsilonError ? errors[error.code].exit : 2;
}
