/** The log lines of `epsilon serve` and `epsilon relay`, on stderr: for people, or (with `--format json`) a line of JSON each. */

import type { ReportEvent } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";

export interface Logger {
  readonly report: (event: ReportEvent) => void;
  /** It listens; `--quiet` does not silence this. */
  started(details: Readonly<Record<string, unknown>> & { readonly url: string }, words: string): void;
  say(event: string, details: Readonly<Record<string, unknown>>): void;
  failed(error: unknown): void;
}

interface LoggerOptions {
  readonly isJson: boolean;
  readonly isQuiet: boolean;
}

export function createLogger({ isJson, isQuiet }: LoggerOptions): Logger {
  const write = (event: ReportEvent, text: string): void => {
    const { level, event: name, details } = event;
    const ts = new Date().toISOString();
    const line = isJson ? JSON.stringify({ ts, level, event: name, ...details }) : text;
    process.stderr.write(`${line}\n`);
  };
  const report = (event: ReportEvent): void => {
    const isLoud = event.level === "warn" || event.level === "error";
    if (event.level === "debug" || (isQuiet && !isLoud)) return;
    const words = Object.entries(event.details).map(([name, value]) => `${name}=${textOf(value)}`);
    write(event, [new Date().toISOString(), event.level, event.event, ...words].join(" "));
  };
  return {
    report,
    started: (details, words) => {
      write({ level: "info", event: "listening", details }, `listening on ${details.url}\n${words}`);
    },
    say: (event, details) => report({ level: "info", event, details }),
    failed: (error) => {
      const code = error instanceof EpsilonError ? error.code : "internal";
      const message = error instanceof Error ? error.message : String(error);
      const stack = error instanceof EpsilonError || !(error instanceof Error) ? undefined : error.stack;
      report({
        level: "error",
        event: "failed",
        details: { code, message, ...(stack === undefined ? {} : { stack }) },
      });
    },
  };
}

function textOf(value: unknown): string {
  if (typeof value === "string") return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  if (value instanceof Error) return JSON.stringify(value.message);
  return typeof value === "bigint" ? String(value) : (JSON.stringify(value) ?? "");
}
