/** How a file is to be read, and the same made ready. */

import { EpsilonError, type FieldValue, parseSourceName } from "@epsilon/model";
import { cellValue, type DecimalMark } from "./cells.ts";
import { type TimeReader, timeReader } from "./times.ts";
import { findZone } from "./zones.ts";

export const fileFormats = ["ndjson", "csv", "json"] as const;
export type FileFormat = (typeof fileFormats)[number];

export interface ImportOptions {
  /** Without it: by the file's name, else by how it begins. */
  readonly format?: FileFormat | undefined;
  /** The field that holds the time; it becomes `_ts`. Without it: `_ts`. */
  readonly ts?: string | undefined;
  /** `iso` (without it), `s`, `ms`, `us`, `ns`, or a pattern such as `%d.%m.%Y %H:%M`. */
  readonly tsFormat?: string | undefined;
  /** Of times that do not say it themselves. Without it: UTC. */
  readonly timezone?: string | undefined;
  readonly decimal?: DecimalMark | undefined;
  /** One character. Without it: a comma, for `.tsv` a tab. */
  readonly delimiter?: string | undefined;
  /** As the platform's TextDecoder knows it. Without it: UTF-8, or UTF-16 where the file says so. */
  readonly encoding?: string | undefined;
  /** Fields that stay text although they look like numbers. */
  readonly text?: readonly string[] | undefined;
  /** The fields that identify an event, or `*`: the whole row. */
  readonly key?: readonly string[] | "*" | undefined;
  /** This import replaces an earlier one of the same rows with a lower number. */
  readonly rev?: number | undefined;
  /** Put into every event; values are read as CSV cells are. */
  readonly set?: readonly (readonly [name: string, value: string])[] | undefined;
  /** Part of what `_id` follows from. */
  readonly source?: string | undefined;
}

/** The options, checked, with everything made that is made once. */
export interface ImportPlan {
  readonly options: ImportOptions;
  /** The field that is read as a time, if any is; a plain `_ts` goes through as it is. */
  readonly tsField: string | undefined;
  readonly readTime: TimeReader;
  readonly decimal: DecimalMark;
  readonly text: ReadonlySet<string>;
  readonly set: ReadonlyMap<string, FieldValue>;
  /** The set fields as members: `"host":"web-1","n":1`. */
  readonly setMembers: string;
}

/** Checks the options. Throws `bad_request` or `bad_source`. */
export function planImport(options: ImportOptions): ImportPlan {
  if (options.source !== undefined) parseSourceName(options.source);
  const { rev, delimiter } = options;
  if (rev !== undefined && !(Number.isSafeInteger(rev) && rev >= 0))
    throw new EpsilonError("bad_request", "--rev takes an integer from 0");
  if (delimiter !== undefined && !/^[\t -!#-~]$/.test(delimiter))
    throw new EpsilonError(
      "bad_request",
      "--delimiter takes one ASCII character other than a quote, such as ';'",
    );
  const readsTime =
    options.ts !== undefined || options.tsFormat !== undefined || options.timezone !== undefined;
  const text = new Set(options.text);
  const set = setFields(options, text);
  return {
    options,
    tsField: readsTime ? (options.ts ?? "_ts") : undefined,
    readTime: timeReader(options.tsFormat ?? "iso", findZone(options.timezone ?? "UTC")),
    decimal: options.decimal ?? ".",
    text,
    set,
    setMembers: [...set].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(","),
  };
}

function setFields(options: ImportOptions, text: ReadonlySet<string>): Map<string, FieldValue> {
  const set = new Map<string, FieldValue>();
  for (const [name, value] of options.set ?? []) {
    if (name === "" || name.startsWith("_"))
      throw new EpsilonError(
        "bad_request",
        `--set ${JSON.stringify(name)}: a field has a name, and names that begin with _ are Epsilon's`,
      );
    if (set.has(name)) throw new EpsilonError("bad_request", `--set ${name} was given twice`);
    const read = text.has(name) ? value : cellValue(value);
    set.set(name, read ?? "");
  }
  return set;
}
