/**
 * Names and texts inside SQL. Everything that comes from outside and stands in a statement goes through these two; there
 * is no other place that puts a quote around anything. DuckDB knows no escapes inside either kind but the doubled quote.
 */

import { EpsilonError } from "@epsilon/model";

/** An identifier in double quotes. Throws `bad_request` for NUL, which would end the statement. */
export function quoteIdentifier(name: string): string {
  return `"${withoutNul(name).replaceAll('"', '""')}"`;
}

/** A text literal in single quotes. Throws `bad_request` for NUL, which would end the statement. */
export function quoteString(text: string): string {
  return `'${withoutNul(text).replaceAll("'", "''")}'`;
}

function withoutNul(text: string): string {
  if (text.includes("\0")) {
    throw new EpsilonError("bad_request", "a name or text has a NUL character in it, which no event holds");
  }
  return text;
}
