/**
 * A file as events to send: read in stretches, cut into records, each shaped and named once. Memory does not grow with
 * the file (but for `--key '*'`, which has to remember every row it saw).
 */

import type { Env } from "@epsilon/env";
import { EpsilonError, type Sha256, sha256 } from "@epsilon/model";
import { peek, readFileBytes, toUtf8, unpacked } from "./bytes.ts";
import { type FileFormat, type ImportOptions, planImport } from "./import-options.ts";
import { splitJson } from "./json-records.ts";
import { type FileStretch, RecordReader } from "./record-reader.ts";
import { type Splitter, splitCsv, splitLines } from "./records.ts";

export interface FileInput {
  /** For messages, and for the format: `.csv`, `.tsv`, `.ndjson`, …, also with `.gz`. */
  readonly name: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Whether it can be read again (a file), or comes once (a pipe), where events without a time get that of arrival. */
  readonly isRereadable: boolean;
}

/** A file as an input. It is opened when it is read. */
export function fileInput(env: Env, path: string): FileInput {
  return { name: path, bytes: readFileBytes(env, path), isRereadable: true };
}

/** How much is looked at to tell JSON in lines from JSON over many lines. */
export const sniffBytes = 64 * 1024;

/**
 * Reads a file's events. Throws `bad_request` for options that do not fit, `missing_timestamp` if the file's first
 * record has no time, `duplicate_field` for a doubled column, and what reading throws; single records that are no
 * events are in `rejected`.
 */
export async function* readFileEvents(
  env: Env,
  input: FileInput,
  options: ImportOptions,
  hash: Sha256 = sha256,
): AsyncGenerator<FileStretch, void, undefined> {
  const plan = planImport(options);
  const bytes = await toUtf8(await unpacked(input.bytes), options.encoding);
  // What comes slowly through a pipe is not kept back: its first line tells enough.
  const { head, all } = await peek(bytes, sniffBytes, hasLine);
  const format = formatOf(input.name, head, options.format);
  const delimiter = delimiterOf(input.name, options);
  const splitter = splitterOf(format, delimiter);
  const { name, isRereadable } = input;
  const reader = new RecordReader({ env, plan, name, isRereadable, format, delimiter, hash });
  for await (const chunk of all) yield reader.read(splitter.push(chunk));
  yield reader.read(splitter.end());
}

/** Whether a line with something in it has ended. */
export function hasLine(head: Uint8Array): boolean {
  const text = new TextDecoder().decode(head);
  return text.slice(0, text.lastIndexOf("\n") + 1).trim() !== "";
}

/** What stands between CSV cells. */
export function delimiterOf(name: string, options: ImportOptions): string {
  return options.delimiter ?? (/\.tsv(?:\.gz)?$/i.test(name) ? "\t" : ",");
}

export function splitterOf(format: FileFormat, delimiter: string): Splitter {
  if (format === "csv") return splitCsv(delimiter.charCodeAt(0));
  return format === "ndjson" ? splitLines() : splitJson();
}

/** The format: as given, by the name, or by the first bytes. JSON in lines is told from JSON over many. */
export function formatOf(name: string, head: Uint8Array, given: FileFormat | undefined): FileFormat {
  if (given === "csv" || given === "ndjson") return given;
  const [, extension = ""] = /\.([a-z0-9]+)(?:\.gz)?$/i.exec(name) ?? [];
  const isCsvName = /^(?:csv|tsv)$/i.test(extension);
  if (given === undefined && isCsvName) return "csv";
  if (given === undefined && /^(?:ndjson|jsonl|log)$/i.test(extension)) return "ndjson";
  const text = new TextDecoder().decode(head).trimStart();
  if (text.startsWith("{")) {
    const [firstLine = ""] = text.split("\n", 1);
    return isJson(firstLine) ? "ndjson" : "json";
  }
  if (text.startsWith("[") || text === "") return "json";
  // `--format json` with a CSV file asks for a JSON answer.
  if (isCsvName) return "csv";
  if (given === "json" || /^json$/i.test(extension)) return "json";
  throw new EpsilonError("bad_request", `${name}: say with --format what it is: ndjson, csv or json`);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
