/** Turns records into events: each shaped and named once. Knows the file's first record, and a CSV's header. */

import type { Env } from "@epsilon/env";
import { EpsilonError, formatTimestamp, must, randomUuid, type Sha256 } from "@epsilon/model";
import { type CsvHeader, parseRows, readHeader, rowShaper } from "./csv-rows.ts";
import type { FileFormat, ImportPlan } from "./import-options.ts";
import { fileNaming, type Naming } from "./naming.ts";
import type { BadRecord, RawRecord, Split } from "./records.ts";
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

export interface ReaderOptions {
  readonly env: Env;
  readonly plan: ImportPlan;
  /** For messages. */
  readonly name: string;
  /** Whether it can be read again, or its events without a time get that of arrival. */
  readonly isRereadable: boolean;
  readonly format: FileFormat;
  readonly delimiter: string;
  readonly hash: Sha256;
}

export class RecordReader {
  readonly #options: ReaderOptions;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #naming: Naming | undefined;
  #first: Uint8Array | undefined;
  #header: CsvHeader | undefined;
  #shapeRow: ReturnType<typeof rowShaper> | undefined;
  #arrival: Arrival | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** The file's first record, once it was read: what its events' names begin with. */
  get first(): Uint8Array | undefined {
    return this.#first;
  }

  /** The events of these records. Of those that end at or before `from` none is given; what follows from them is kept. */
  read(split: Split, from = 0): FileStretch {
    const isNeeded = (record: RawRecord): boolean => from < record.offset + record.bytes.length;
    const { records } = split;
    if (from === 0) return this.#read(split);
    const needed = records.filter(isNeeded);
    const passed = records.filter((record) => !isNeeded(record));
    const isCounted = this.#options.plan.options.key === "*";
    // The first record names the file (in CSV: the fields too); rows that are counted count on.
    if (passed.length > 0 && (this.#naming === undefined || isCounted))
      this.#read({ ...split, records: isCounted ? passed : passed.slice(0, 1), bad: [] });
    return needed.length === 0 && records.length > 0
      ? { events: [], rejected: [] }
      : this.#read({ ...split, records: needed });
  }

  #read(split: Split): FileStretch {
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
    const { env, format, isRereadable } = this.#options;
    if (!isRereadable)
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
    this.#first = first.bytes.slice();
    const { plan, format, name, isRereadable, hash } = this.#options;
    this.#naming = fileNaming(plan, first.bytes, hash);
    if (format === "csv" || !isRereadable || saysTime(text, plan)) return;
    throw new EpsilonError(
      "missing_timestamp",
      `${name}: its first event has no ${plan.tsField ?? "_ts"}; say with --ts which field holds the time. ` +
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
    const { plan, isRereadable } = this.#options;
    if (cells === null)
      throw new EpsilonError("bad_row", "the row is not CSV; double the quotes inside of cells");
    if (this.#header === undefined) {
      this.#header = readHeader(cells, plan, isRereadable);
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
