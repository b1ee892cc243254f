/** `epsilon status`: how far each instance has come in each source, what is at risk, and what is missing. */

import {
  type Asked,
  askStatus,
  checkSpool,
  type DeadLetter,
  readDeadLetters,
  reportStatus,
  type StatusReport,
  type StreamReport,
} from "@epsilon/client";
import type { Command } from "commander";
import {
  addCommonFlags,
  type CommonFlags,
  defaultUrl,
  flag,
  instancesOf,
  integerArgument,
} from "../flags.ts";
import { type CommandContext, examples } from "../program-context.ts";
import { nativeSha256 } from "../push/inputs.ts";
import { formatTable, type Row } from "../tables.ts";

interface StatusFlags extends CommonFlags {
  readonly maxLag: number;
  readonly spool?: string;
}

type RelayAsked = Extract<Asked, { readonly kind: "relay" }>;

const lettersShownMax = 5;

export function addStatusCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("status")
    .description("how far each instance is: sources × instances, what is at risk, gaps, dead letters")
    .argument("[url...]", `instances and relays (default: EPSILON_URL, or ${defaultUrl})`);
  addCommonFlags(command)
    .addOption(
      flag(
        "--max-lag <number>",
        "exit 1 where an instance is further behind: events of a spool, bytes of a file",
      )
        .argParser(integerArgument)
        .default(10_000),
    )
    .addOption(flag("--spool <dir>", "what waits in this spool as well, and its dead letters"))
    .addHelpText(
      "after",
      examples(
        "epsilon status https://a.example https://b.example https://c.example",
        "epsilon status http://127.0.0.1:4330        # a relay says what it knows",
        "epsilon status --spool ./spool --format json",
      ),
    )
    .action((urls: string[], flags: StatusFlags) => context.run(flags, () => status(context, urls, flags)));
}

async function status(context: CommandContext, urls: readonly string[], flags: StatusFlags): Promise<number> {
  const { env, output } = context.open(flags);
  const given = urls.length === 0 ? undefined : urls.join(",");
  const asked = await Promise.all(
    instancesOf(given, "the list of addresses", flags).map((address) => askStatus(env, address)),
  );
  const relays = asked.filter((one): one is RelayAsked => one.kind === "relay");
  const report = reportStatus(asked.flatMap((one) => (one.kind === "instance" ? [one.said] : [])));
  const spool = flags.spool === undefined ? undefined : await readSpool(env, flags.spool, report);
  const answer =
    flags.format === "json"
      ? `${JSON.stringify(toJson(report, relays, spool))}\n`
      : [textOf(report), ...relays.map(relayText), spool === undefined ? "" : spoolText(spool)]
          .filter((text) => text !== "")
          .join("\n");
  await output.answer(answer);
  return exitCodeOf({ report, relays, spool, maxLag: flags.maxLag });
}

interface SpoolStatus {
  readonly directory: string;
  readonly parts: readonly {
    readonly collection: string;
    readonly stream: string | null;
    readonly events: number;
    readonly bytes: number;
    /** By address, what the instance lacks of it. */
    readonly lacks: Readonly<Record<string, number>>;
  }[];
  readonly letters: readonly DeadLetter[];
}

async function readSpool(
  env: Parameters<typeof checkSpool>[0],
  directory: string,
  report: StatusReport,
): Promise<SpoolStatus> {
  const { parts } = await checkSpool(env, directory, nativeSha256);
  const answering = report.instances.filter(({ error }) => error === null).map(({ url }) => url);
  return {
    directory,
    parts: parts.map(({ collection, stream, events, sizeBytes, position }) => {
      const known = report.streams.find((one) => one.stream === stream && one.collection === collection);
      const lacks = answering.map((url) => {
        const at = known?.places.find((place) => place.url === url)?.position ?? 0;
        return [url, Math.max(0, position - at)] as const;
      });
      return { collection, stream, events, bytes: sizeBytes, lacks: Object.fromEntries(lacks) };
    }),
    letters: await readDeadLetters(env, directory),
  };
}

/** 2 where an instance could not be asked, 1 where something is not as it should be. */
function exitCodeOf({
  report,
  relays,
  spool,
  maxLag,
}: {
  readonly report: StatusReport;
  readonly relays: readonly RelayAsked[];
  readonly spool: SpoolStatus | undefined;
  readonly maxLag: number;
}): number {
  if (report.instances.some(({ error }) => error !== null)) return 2;
  const relayLag = relays.flatMap(({ relay }) => relay.loops.map(({ lag }) => lag ?? 0));
  const spoolLag = spool?.parts.flatMap(({ lacks }) => Object.values(lacks)) ?? [];
  const lag = Math.max(report.lag, ...relayLag, ...spoolLag);
  const letters =
    (spool?.letters.length ?? 0) + relays.reduce((sum, { relay }) => sum + relay.dead_letters, 0);
  return report.gaps > 0 || letters > 0 || lag > maxLag ? 1 : 0;
}

function textOf(report: StatusReport): string {
  const { instances, streams, unprotected } = report;
  if (instances.length === 0) return "";
  const lines: string[] = [];
  const current = streams.filter(({ isEarlier }) => !isEarlier);
  if (current.length > 0) lines.push(formatTable(current.map(streamRow)));
  else if (instances.some(({ error }) => error === null))
    lines.push("no source has written to these instances; plain writes are not followed here\n");
  const earlier = streams.filter(({ isEarlier }) => isEarlier);
  if (earlier.length > 0)
    lines.push(
      `and ${earlier.length} earlier streams (rotated files, earlier lives of a spool); --format json has them\n`,
    );
  for (const { url, error } of instances)
    if (error !== null) lines.push(`${url} does not answer: ${error.message} (${error.code})\n`);
  for (const line of gapLines(streams)) lines.push(`${line}\n`);
  if (report.rejected > 0) lines.push(`${report.rejected} events of sources were rejected\n`);
  if (report.conflicts > 0)
    lines.push(`${report.conflicts} conflicts: two contents for one key at one revision\n`);
  if (unprotected.length > 0 && unprotected.length === instances.length)
    lines.push("unprotected: none of them makes snapshots\n");
  else if (unprotected.length > 0) lines.push(`unprotected, without snapshots: ${unprotected.join(", ")}\n`);
  return lines.join("");
}

function streamRow({ collection, source, furthest, atRisk, places }: StreamReport): Row {
  const own = places.map(({ url, lag, gaps }) => {
    const at = lag === 0 ? "all" : lag === furthest ? "nothing" : `-${lag}`;
    return [new URL(url).host, gaps.length === 0 ? at : `${at}, ${gaps.length} gaps`] as const;
  });
  return { collection, source, furthest, ...Object.fromEntries(own), "at risk": atRisk };
}

function gapLines(streams: readonly StreamReport[]): readonly string[] {
  return streams.flatMap(({ collection, source, places }) =>
    places.flatMap(({ url, gaps }) =>
      gaps.map(
        ({ from, to, reason }) =>
          `gap on ${url}: ${collection}, ${source}, ${from ?? "the beginning"} to ${to}: ${reason}`,
      ),
    ),
  );
}

function relayText({ url, relay }: RelayAsked): string {
  const { spool, loops, dead_letters, lost } = relay;
  const rows = loops.map((loop) => ({
    collection: loop.collection,
    instance: loop.url,
    lag: loop.lag,
    bytes: loop.lag_bytes,
    seconds: loop.lag_seconds,
    retries: loop.retries,
    state: loop.last_error === null ? loop.phase : loop.last_error.message,
  }));
  const table = rows.length === 0 ? "nothing was written to it yet\n" : formatTable(rows);
  const lines = [
    `relay ${url}, its spool ${megabytes(spool.bytes)} of ${megabytes(spool.limit_bytes)}\n`,
    table,
  ];
  if (dead_letters > 0)
    lines.push(`${dead_letters} events were refused by an instance: see dead-letters.ndjson in its spool\n`);
  if (lost > 0) lines.push(`${lost} events were lost before they were in the spool\n`);
  return lines.join("");
}

function spoolText({ directory, parts, letters }: SpoolStatus): string {
  const rows = parts.map(({ collection, events, bytes, lacks }) => ({
    collection,
    events,
    bytes,
    ...Object.fromEntries(Object.entries(lacks).map(([url, count]) => [`${new URL(url).host} lacks`, count])),
  }));
  const lines = [`spool ${directory}\n`, rows.length === 0 ? "it holds nothing\n" : formatTable(rows)];
  for (const { at, instance, collection, code, message } of letters.slice(0, lettersShownMax))
    lines.push(`dead letter of ${at}: ${collection}, refused by ${instance}: ${message} (${code})\n`);
  if (letters.length > lettersShownMax) lines.push(`… and ${letters.length - lettersShownMax} more\n`);
  return lines.join("");
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function toJson(
  report: StatusReport,
  relays: readonly RelayAsked[],
  spool: SpoolStatus | undefined,
): Record<string, unknown> {
  return {
    instances: report.instances,
    streams: report.streams.map(({ isEarlier, updatedAt, atRisk, ...rest }) => ({
      ...rest,
      earlier: isEarlier,
      updated_at: updatedAt,
      at_risk: atRisk,
    })),
    unprotected: report.unprotected,
    lag: report.lag,
    gaps: report.gaps,
    rejected: report.rejected,
    conflicts: report.conflicts,
    relays: relays.map(({ url, relay }) => ({ url, ...relay })),
    ...(spool === undefined
      ? {}
      : { spool: { directory: spool.directory, parts: spool.parts, dead_letters: spool.letters } }),
  };
}
