/**
 * Load lines that `read_json` cannot take as they lie there, because a field has two types in the group, two names
 * differ in case only, or a field has no column of its own: rewritten with one member `c<n>` a column and `_more` for
 * the rest. Rare, so plain JavaScript does.
 */

import { canonicalString, type FieldType, type FieldValue } from "@epsilon/model";
import { parseLoadLine, splitLoadLines } from "../core/load-line.ts";
import type { Columns } from "./columns.ts";

/** The members of a rewritten line: `c0` is the first of these, and so on. */
export interface Rewritten {
  readonly lines: Uint8Array;
  readonly columns: readonly { readonly name: string; readonly type: FieldType; readonly member: string }[];
}

/** Rewrites the lines of a group. */
export function rewriteLines(lines: Uint8Array, columns: Columns): Rewritten {
  const members = new Map<string, string>();
  const used: { name: string; type: FieldType; member: string }[] = [];
  const out: string[] = [];
  for (const line of splitLoadLines(lines)) {
    const event = parseLoadLine(line);
    const parts = [
      `"_ts":${event.ts},"_id":"${event.id}","_rev":${event.rev},"_deleted":${event.deleted},"_h":${event.high},"_l":${event.low}`,
    ];
    const rest: string[] = [];
    for (const [field, value] of event.fields) {
      const column = columns.find(field, typeOf(value));
      const text = JSON.stringify(value);
      if (column === undefined) {
        rest.push(`${canonicalString(field)}:${text}`);
        continue;
      }
      let member = members.get(column.name);
      if (member === undefined) {
        member = `c${used.length}`;
        members.set(column.name, member);
        used.push({ name: column.name, type: column.type, member });
      }
      parts.push(`"${member}":${text}`);
    }
    if (rest.length > 0) parts.push(`"_more":${canonicalString(`{${rest.join(",")}}`)}`);
    out.push(`{${parts.join(",")}}\n`);
  }
  return { lines: new TextEncoder().encode(out.join("")), columns: used };
}

function typeOf(value: FieldValue): FieldType {
  if (typeof value === "string") return "string";
  return typeof value === "number" ? "number" : "boolean";
}
