/**
 * A file as events to send: read in stretches, cut into records, each shaped and named once. Memory does not grow with
 * the file (but for `--key '*'`, which has to remember every row it saw).
 */

import type { Env } from "@epsilon/env";
import { EpsilonError, formatTimestamp, must, randomUuid, type Sha256, sha256 } from "@epsilon/model";
import { peek, readFileBytes, toUtf8, unpacked } from "./bytes.ts";
import { type CsvHeader, parseRows, readHeader, rowShaper } from "./csv-rows.ts";
import { type FileFormat, type ImportOptions, type ImportPlan, planImport } from "./import-options.ts";
import { splitJson } from "./json-records.ts";
import { fileNaming, type Naming } from "./naming.ts";
import {
  type BadRecord,
  type RawRecord,
  type Split,
  type Splitter,
  splitCsv,
  splitLines,
} from "./records.ts";
import { type Arrival, saysTime, shapeJson } from "./shape-json.ts";

/** An event, ready to be sent. */
export interface FileEvent {
  /** One line, without the newline. */
  readonly json: string;
  /** The line of the file on which its record begins, from 1. */
  readonly line: number;
}

/** A stretch of a file. */
export interface FileStretch {
  readonly events: readonly FileEvent[];
  /** Records that are no events, with their lines and reasons. */
  readonly rejected: readonly BadRecord[];
}

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
const sniffBytes = 64 * 1024;

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
  const delimiter = options.delimiter ?? (/\.tsv(?:\.gz)?$/i.test(input.name) ? "\t" : ",");
  const splitter = splitterOf(format, delimiter);
  const reader = new RecordReader({ env, plan, input, format, delimiter, hash });
  for await (const chunk of all) yield reader.read(splitter.push(chunk));
  yield reader.read(splitter.end());
}

/** Whether a line with something in it has ended. */
function hasLine(head: Uint8Array): boolean {
  const text = new TextDecoder().decode(head);
  return text.slice(0, text.lastIndexOf("\n") + 1).trim() !== "";
}

function splitterOf(format: FileFormat, delimiter: string): Splitter {
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

interface ReaderOptions {
  readonly env: Env;
  readonly plan: ImportPlan;
  readonly input: FileInput;
  readonly format: FileFormat;
  readonly delimiter: string;
  readonly hash: Sha256;
}

/** Turns records into events. Knows the file's first record, and a CSV's header. */
class RecordReader {
  readonly #options: ReaderOptions;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #naming: Naming | undefined;
  #header: CsvHeader | undefined;
  #shapeRow: ReturnType<typeof rowShaper> | undefined;
  #arrival: Arrival | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  read(split: Split): FileStretch {
    const events: FileEvent[] = [];
    const rejected: BadRecord[] = [...split.bad];
    const records: RawRecord[] = [];
    const texts: string[] = [];
    for (const record of split.records) {
      const text = this.#decode(record.bytes);
      if (text === undefined)
        rejected.push({
          line: record.line,
          code: "bad_utf8",
          message: "not UTF-8; say with --encoding what it is",
        });
      else {
        records.push(record);
        texts.push(text);
      }
    }
    const { env, format, input } = this.#options;
    if (!input.isRereadable)
      this.#arrival = {
        ts: formatTimestamp(env.clock.nowMicros()),
        newId: () => randomUuid(env.random.bytes(16)),
      };
    const [first] = records;
    if (this.#naming === undefined && first !== undefined) this.#begin(first, must(texts[0]));
    const rows = format === "csv" ? parseRows(texts, this.#options.delimiter) : undefined;
    for (const [index, record] of records.entries()) {
      try {
        const json =
          rows === undefined
            ? this.#json(record, must(texts[index]))
            : this.#row(record, rows[index] ?? null);
        if (json !== undefined) events.push({ json, line: record.line });
      } catch (error) {
        if (!(error instanceof EpsilonError)) throw error;
        if (rows !== undefined && this.#shapeRow === undefined) throw error;
        rejected.push({ line: record.line, code: error.code, message: error.message });
      }
    }
    return { events, rejected };
  }

  #begin(first: RawRecord, text: string): void {
    const { plan, format, input, hash } = this.#options;
    this.#naming = fileNaming(plan, first.bytes, hash);
    if (format === "csv" || !input.isRereadable || saysTime(text, plan)) return;
    throw new EpsilonError(
      "missing_timestamp",
      `${input.name}: its first event has no ${plan.tsField ?? "_ts"}; say with --ts which field holds the time. ` +
        "(A file whose lines carry no time cannot be read again without adding events; to push it once, pipe it in: epsilon push -)",
    );
  }

  #json(record: RawRecord, text: string): string {
    return shapeJson(record, text, {
      plan: this.#options.plan,
      naming: must(this.#naming),
      arrival: this.#arrival,
    });
  }

  /** A row's event; undefined for the header. */
  #row(record: RawRecord, cells: readonly string[] | null): string | undefined {
    const { plan, input } = this.#options;
    if (cells === null)
      throw new EpsilonError("bad_row", "the row is not CSV; double the quotes inside of cells");
    if (this.#header === undefined) {
      this.#header = readHeader(cells, plan, input.isRereadable);
      this.#shapeRow = rowShaper(this.#header, {
        plan,
        naming: must(this.#naming),
        arrival: () => this.#arrival,
      });
      return undefined;
    }
    return must(this.#shapeRow)(record, cells);
  }

  #decode(bytes: Uint8Array): string | undefined {
    try {
      return this.#decoder.decode(bytes);
    } catch (error) {
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  }
}
