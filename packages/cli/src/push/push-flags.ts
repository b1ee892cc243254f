/** The flags of `epsilon push`, and the import options that they mean. */

import { type Acknowledgement, type FileFormat, fileFormats, type ImportOptions } from "@epsilon/client";
import { EpsilonError } from "@epsilon/model";
import type { Command } from "commander";
import {
  addCollectionFlag,
  addCommonFlags,
  type CommonFlags,
  defaultUrl,
  durationArgument,
  flag,
  integerArgument,
  parseFields,
} from "../flags.ts";

export interface PushFlags extends CommonFlags {
  readonly to?: string;
  readonly collection: string;
  readonly ack: Acknowledgement;
  readonly timeout: number;
  readonly source?: string;
  readonly spool?: string;
  readonly follow?: boolean;
  readonly ts?: string;
  readonly tsFormat?: string;
  readonly timezone?: string;
  readonly decimal?: "." | ",";
  readonly delimiter?: string;
  readonly encoding?: string;
  readonly text?: string;
  readonly key?: string;
  readonly rev?: number;
  readonly set?: readonly string[];
  readonly dryRun?: boolean;
}

export function addPushFlags(command: Command): Command {
  return addCommonFlags(addCollectionFlag(command), {
    formats: fileFormats,
    formatIs: "what the files are (default: by name and content); json also answers in JSON",
  })
    .addOption(
      flag("--to <urls>", `the instances to write to, all of them (default: EPSILON_URL, or ${defaultUrl})`),
    )
    .addOption(
      flag("--ack <how>", "done when so many instances have the last event")
        .choices(["one", "majority", "all"])
        .default("all"),
    )
    .addOption(
      flag("--timeout <duration>", "give up after this long without progress")
        .argParser(durationArgument)
        .default(60_000, "60s"),
    )
    .addOption(
      flag(
        "--source <name>",
        "the source's name, part of what _id follows from; for spools: what it begins with",
      ),
    )
    .addOption(flag("--ts <field>", "the field that holds the time; it becomes _ts"))
    .addOption(flag("--ts-format <format>", "iso, s, ms, us, ns, or a pattern such as '%d.%m.%Y %H:%M'"))
    .addOption(flag("--timezone <zone>", "of times that do not say it, such as Europe/Berlin (default: UTC)"))
    .addOption(flag("--decimal <mark>", "',' for 1.234,50").choices([".", ","]))
    .addOption(flag("--delimiter <character>", "between CSV cells (default: a comma; a tab for .tsv)"))
    .addOption(flag("--encoding <name>", "latin1, windows-1252, utf-16le, … (default: utf-8)"))
    .addOption(flag("--text <fields>", "fields that stay text although they look like numbers"))
    .addOption(flag("--key <fields>", "the fields that identify an event, or '*' for the whole row"))
    .addOption(
      flag("--rev <number>", "this import replaces an earlier one of the same rows").argParser(
        integerArgument,
      ),
    )
    .addOption(
      flag("--set <field=value>", "put a field into every event; may be repeated").argParser(collect),
    )
    .addOption(flag("--dry-run", "print the events instead of sending them"))
    .addOption(flag("--follow", "go on as the files grow, through rotation; Ctrl-C ends it"))
    .addOption(
      flag("--spool <dir>", "where stdin, and files without times, are kept until all instances have them"),
    );
}

/** Values of a flag that may be repeated; in its variable they stand a line each. */
function collect(text: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), ...text.split("\n").filter((line) => line !== "")];
}

/** What the flags mean. Throws `usage`. */
export function importOptionsOf(flags: PushFlags): ImportOptions {
  const { key } = flags;
  return {
    format: flags.format as FileFormat | undefined,
    ts: flags.ts,
    tsFormat: flags.tsFormat,
    timezone: flags.timezone,
    decimal: flags.decimal,
    delimiter: flags.delimiter === "\\t" ? "\t" : flags.delimiter,
    encoding: flags.encoding,
    text: flags.text === undefined ? undefined : parseFields(flags.text),
    key: key === undefined ? undefined : key === "*" ? "*" : fieldsOf(key),
    rev: flags.rev,
    set: flags.set?.map(parseSet),
    source: flags.source,
  };
}

function fieldsOf(text: string): readonly string[] {
  const fields = parseFields(text);
  if (fields.length > 0) return fields;
  throw new EpsilonError("usage", "--key names no field");
}

function parseSet(text: string): readonly [string, string] {
  const equals = text.indexOf("=");
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  throw new EpsilonError("usage", `--set ${JSON.stringify(text)}: give FIELD=VALUE`);
}
