/** Which texts and numbers are kept: what DuckDB, a double and UTF-8 can all hold without a change. */

import { isWellFormedText } from "./canonical.ts";
import { utf8Bytes } from "./hash.ts";
import { limits } from "./limits.ts";

const numberPattern = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/**
 * The value of a JSON number, or null if it is none, or a double cannot hold it. (How a double is usually written,
 * JavaScript's way, names it: 101999757630997300 is fine, although the double is 101999757630997296.)
 */
export function exactNumber(text: string): number | null {
  if (!numberPattern.test(text)) return null;
  const value = Number(text);
  if (!Number.isFinite(value)) return null;
  if (value === 0) return /^[^eE]*[1-9]/.test(text) ? null : 0;
  if (Number.isSafeInteger(value) || /[.eE]/.test(text)) return value;
  return BigInt(text) === BigInt(value) || text === String(value) ? value : null;
}

/** Whether a text can be kept: UTF-8 has a form for it, and nothing takes its NUL for an end. */
export function isKeptText(text: string): boolean {
  return isWellFormedText(text) && !text.includes("\u0000");
}

/** The size of a text in UTF-8 if it is beyond what a field may hold, else 0. */
export function excessBytes(text: string): number {
  // A UTF-16 unit is at most three bytes, so most texts need not be measured.
  if (text.length * 3 <= limits.stringBytesMax) return 0;
  const sizeBytes = utf8Bytes(text).length;
  return sizeBytes > limits.stringBytesMax ? sizeBytes : 0;
}

/** The text of a JSON string (with its quotes), or null if it is none, or is not kept. */
export function parseText(json: string): string | null {
  try {
    const text: unknown = JSON.parse(json);
    return typeof text === "string" && isKeptText(text) && excessBytes(text) === 0 ? text : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
