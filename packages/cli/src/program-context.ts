/** What commands run in: the world, where words go, and what their result means for the exit code. */

import { createNodeEnv, type Env, type ReportEvent } from "@epsilon/env";
import type { CommonFlags } from "./flags.ts";
import { createOutput, errorLine, exitCodeOf, type Output } from "./output.ts";

export interface CommandContext {
  /** Runs a command's work; its exit code, or its error's, becomes the process's. */
  run(flags: CommonFlags, work: () => Promise<number>): Promise<void>;
  /** The world and the output, as the flags want them. */
  open(flags: CommonFlags): { readonly env: Env; readonly output: Output };
}

/** `setExitCode` is told once the command is through. */
export function createContext(setExitCode: (code: number) => void): CommandContext {
  return {
    run: async (flags, work) => {
      try {
        setExitCode(await work());
      } catch (error) {
        process.stderr.write(`${errorLine(error, flags.format === "json")}\n`);
        setExitCode(exitCodeOf(error));
      }
    },
    open: (flags) => {
      const output = createOutput(flags.quiet === true);
      const env = createNodeEnv({ report: reporter(output) });
      return { env, output };
    },
  };
}

/** The examples at the end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`;
}

const retryLineEveryMs = 5000;
/** Something is tried again, and will be for a while. */
const isRepetition: ReadonlySet<string> = new Set(["retry", "tail_broken_off", "replication_waits"]);

/** What is worth a line of what the client reports. Repetitions of many requests at once are told now and then. */
function reporter(output: Output): (event: ReportEvent) => void {
  let lastRetryMs = Number.NEGATIVE_INFINITY;
  return ({ level, event, details }) => {
    if (level !== "warn" && level !== "error") return;
    if (!isRepetition.has(event)) return output.say(`${level}: ${event} ${JSON.stringify(details)}`);
    const nowMs = performance.now();
    if (nowMs - lastRetryMs < retryLineEveryMs) return;
    lastRetryMs = nowMs;
    output.say(`trying again: ${String(details["message"])}`);
  };
}
