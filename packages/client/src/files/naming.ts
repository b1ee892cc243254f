/**
 * How events of a file get their names. Without a key, `_id` follows from where the record stands and what it says, so
 * that the same file pushed again, renamed or not, adds nothing, and two equal lines are two events.
 *
 * The id is the UUIDv8 of SHA-256 over: hex SHA-256 of the first record, the offset, the source's name (or nothing), the
 * set fields in canonical form (or nothing), each followed by a newline, and then the record's bytes. This never
 * changes.
 */

import { bytesToHex, canonicalValue, EpsilonError, type Sha256, uuidV8 } from "@epsilon/model";
import type { ImportPlan } from "./import-options.ts";
import type { RawRecord } from "./records.ts";

export interface Naming {
  /** The `_id` that follows from a record's place and bytes. */
  idOf(record: RawRecord): string;
  /** The `_key` that `--key` asks for, of a row's values; undefined without `--key`. Throws `bad_key`. */
  keyOf(row: RowValues): string | undefined;
}

/** A row as `--key` sees it. */
export interface RowValues {
  /** A field's value; undefined if the row does not have it. */
  get(field: string): unknown;
  /** All of it, as a JSON value. */
  all(): unknown;
}

const encoder = new TextEncoder();

/** The naming of one file, whose first record is given. */
export function fileNaming(plan: ImportPlan, firstRecord: Uint8Array, hash: Sha256): Naming {
  const first = bytesToHex(hash(firstRecord));
  const { source, key } = plan.options;
  const setText = plan.set.size === 0 ? "" : canonicalValue(Object.fromEntries(plan.set));
  const tail = `\n${source ?? ""}\n${setText}\n`;
  let scratch = new Uint8Array(4096);
  const seen = new Map<string, number>();
  return {
    idOf: ({ bytes, offset }) => {
      const head = `${first}\n${offset}${tail}`;
      const needed = head.length * 3 + bytes.length;
      if (scratch.length < needed) scratch = new Uint8Array(needed * 2);
      const { written } = encoder.encodeInto(head, scratch);
      scratch.set(bytes, written);
      return uuidV8(hash(scratch.subarray(0, written + bytes.length)));
    },
    keyOf: (row) => {
      if (key === undefined) return undefined;
      if (key === "*") {
        const text = canonicalValue(row.all());
        // A hash takes the place of the row, which may be long.
        const name = uuidV8(hash(encoder.encode(text)));
        const ordinal = seen.get(name) ?? 0;
        seen.set(name, ordinal + 1);
        return `[${text},${ordinal}]`;
      }
      const values = key.map((field) => row.get(field) ?? null);
      if (values.every((value) => value === null))
        throw new EpsilonError(
          "bad_key",
          `the row has no ${key.join(", ")}, so --key ${key.join(",")} does not identify it`,
        );
      return canonicalValue(values);
    },
  };
}
