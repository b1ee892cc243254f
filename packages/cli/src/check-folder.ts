/** What `epsilon check` does: reads every byte of a data folder and says whether it verifies. */

import { EpsilonError } from "@epsilon/model";
import { type CheckReport, openEmbeddedStore } from "@epsilon/store";
import type { CommonFlags } from "./flags.ts";
import type { CommandContext } from "./program-context.ts";

export interface CheckFlags extends CommonFlags {
  readonly data?: string;
  readonly spool?: string;
  readonly repair?: boolean;
}

/** Checks the folder; answers 0 if it is sound, else 1. */
export async function checkFolder(context: CommandContext, flags: CheckFlags): Promise<number> {
  const { env, output } = context.open(flags);
  if (flags.spool !== undefined)
    throw new EpsilonError("not_implemented", "--spool: spools come with the replicating client");
  if (flags.repair === true)
    throw new EpsilonError(
      "not_implemented",
      "--repair: check cannot set bad parts aside yet; run it without --repair to see them, and keep a copy of the folder",
    );
  if (flags.data === undefined) throw new EpsilonError("usage", "say which data folder: --data DIR");
  if (!(await env.files.exists(`${flags.data}/data.duckdb`)))
    throw new EpsilonError("file_not_found", `${flags.data} is no data folder: it has no data.duckdb`);
  const store = await openEmbeddedStore(env, { directory: flags.data });
  try {
    const report = await store.check({ deadlineMs: Number.MAX_SAFE_INTEGER });
    await output.answer(flags.format === "json" ? `${JSON.stringify(jsonOf(report))}\n` : textOf(report));
    return report.sound ? 0 : 1;
  } finally {
    await store.close();
  }
}

function jsonOf(report: CheckReport): unknown {
  const { sound, collections, events, setAside, logFrames, findings } = report;
  return { sound, collections, events, set_aside: setAside, log_frames: logFrames, findings };
}

function textOf(report: CheckReport): string {
  const lines = report.collections.map(
    ({ name, events, tombstones }) => `${name}: ${events} events, ${tombstones} tombstones`,
  );
  for (const { code, message } of report.findings) lines.push(`found: ${message} (${code})`);
  if (report.setAside > 0) lines.push(`${report.setAside} lines that the tables refused are kept aside`);
  const verdict = report.sound ? "sound" : `not sound: ${report.findings.length} findings`;
  lines.push(`${verdict} (${report.events} events, ${report.logFrames} log frames verified)`);
  return `${lines.join("\n")}\n`;
}
