/** What `epsilon check` does: reads every byte of a data folder, or of a spool, and says whether it verifies. */

import { createHash } from "node:crypto";
import { checkSpool, type SpoolCheck } from "@epsilon/client";
import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { type CheckReport, openEmbeddedStore } from "@epsilon/store";
import type { CommonFlags } from "./flags.ts";
import type { CommandContext } from "./program-context.ts";

export interface CheckFlags extends CommonFlags {
  readonly data?: string;
  readonly spool?: string;
  readonly repair?: boolean;
}

const sayEveryMs = 5000;

/** Checks the folder; answers 0 if it is sound, else 1. */
export async function checkFolder(context: CommandContext, flags: CheckFlags): Promise<number> {
  const { env, output } = context.open(flags);
  if (flags.repair === true)
    throw new EpsilonError(
      "not_implemented",
      "--repair: check cannot set bad parts aside yet; run it without --repair to see them, and keep a copy of the folder",
    );
  const { data: directory = "", spool = "" } = flags;
  if ((directory === "") === (spool === ""))
    throw new EpsilonError(
      "usage",
      "say which folder: --data DIR for an instance's, or --spool DIR for a client's",
    );
  if (spool !== "") {
    const report = await checkSpool(env, spool, (bytes) => createHash("sha256").update(bytes).digest());
    await output.answer(
      flags.format === "json" ? `${JSON.stringify(spoolJson(report))}\n` : spoolText(report),
    );
    return report.sound ? 0 : 1;
  }
  if (!(await env.files.exists(`${directory}/data.duckdb`)))
    throw new EpsilonError("file_not_found", `${directory} is no data folder: it has no data.duckdb`);
  const started = performance.now();
  const timer = setInterval(() => {
    output.say(`reading ${directory}: ${Math.round((performance.now() - started) / 1000)} s`);
  }, sayEveryMs);
  const report = await readFolder(env, directory).finally(() => clearInterval(timer));
  await output.answer(flags.format === "json" ? `${JSON.stringify(jsonOf(report))}\n` : textOf(report));
  return report.sound ? 0 : 1;
}

async function readFolder(env: Env, directory: string): Promise<CheckReport> {
  const store = await openEmbeddedStore(env, { directory });
  try {
    return await store.check({ deadlineMs: Number.MAX_SAFE_INTEGER });
  } finally {
    await store.close();
  }
}

function jsonOf(report: CheckReport): unknown {
  const { sound, collections, events, setAside, logFrames, findings } = report;
  return { sound, collections, events, set_aside: setAside, log_frames: logFrames, findings };
}

function spoolJson({ parts, ...report }: SpoolCheck): unknown {
  return { ...report, parts: parts.map(({ sizeBytes, ...part }) => ({ ...part, size_bytes: sizeBytes })) };
}

function spoolText(report: SpoolCheck): string {
  const lines = report.parts.map(
    ({ collection, part, events, sizeBytes }) =>
      `${collection}/${part}: ${events} events, ${sizeBytes} bytes`,
  );
  for (const { code, message } of report.findings) lines.push(`found: ${message} (${code})`);
  const verdict = report.sound ? "sound" : `not sound: ${report.findings.length} findings`;
  lines.push(`${verdict} (${report.events} events, ${report.frames} log frames verified)`);
  return `${lines.join("\n")}\n`;
}

function textOf(report: CheckReport): string {
  const lines = report.collections.map(
    ({ name, events, tombstones }) => `${name}: ${events} events, ${tombstones} tombstones`,
  );
  for (const { code, message } of report.findings) lines.push(`found: ${message} (${code})`);
  if (report.setAside > 0) lines.push(`set aside: ${report.setAside} events that the tables refused`);
  const verdict = report.sound ? "sound" : `not sound: ${report.findings.length} findings`;
  lines.push(`${verdict} (${report.events} events, ${report.logFrames} log frames verified)`);
  return `${lines.join("\n")}\n`;
}
