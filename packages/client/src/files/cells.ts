/** What a cell of text means: absent, a number if that loses nothing, true or false, or the text itself. */

import type { FieldValue } from "@epsilon/model";

/** What stands between the digits of a number. */
export type DecimalMark = "." | ",";

const plainNumber = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/;
const exponentNumber = /^-?[1-9](?:\.[0-9]+)?e[+-][0-9]+$/;
const commaNumber = /^-?(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:\.[0-9]{3})+)(?:,[0-9]+)?$/;

/**
 * The value of a cell; undefined for an empty one. A number is taken as one if a double has exactly its value: `12.50`
 * is 12.5, `01234`, `+5` and twenty digits stay text. With exponents only the shortest spelling (`1e+21`) is a number,
 * because `1e5` is as likely a name.
 */
export function cellValue(text: string, decimal: DecimalMark = "."): FieldValue | undefined {
  if (text === "") return undefined;
  if (text === "true") return true;
  if (text === "false") return false;
  return cellNumber(text, decimal) ?? text;
}

/** The number that a cell spells, or undefined if it spells none or a double would lose some of it. */
export function cellNumber(text: string, decimal: DecimalMark = "."): number | undefined {
  const first = text.charCodeAt(0);
  // Most texts begin with a letter; this is asked of every cell.
  if (text.length > 40 || !((first >= 0x30 && first <= 0x39) || first === 0x2d)) return undefined;
  if (decimal === ",") {
    return commaNumber.test(text) ? exactNumber(text.replaceAll(".", "").replace(",", ".")) : undefined;
  }
  if (plainNumber.test(text)) return exactNumber(text);
  if (!exponentNumber.test(text)) return undefined;
  const value = Number(text);
  return String(value) === text ? value : undefined;
}

/** The double of a plain decimal text if it has exactly its digits. */
function exactNumber(text: string): number | undefined {
  const value = Number(text);
  // -0 has no spelling of its own: the sign would be lost.
  if (Object.is(value, -0)) return undefined;
  const shortest = String(value);
  if (shortest === text) return value;
  const trimmed = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  return (shortest.includes("e") ? plainSpelling(shortest) : shortest) === trimmed ? value : undefined;
}

/** A number's spelling without its exponent: `1e+21` is `1000000000000000000000`. */
export function plainSpelling(shortest: string): string {
  const [, sign = "", whole = "", fraction = "", exponentText = "0"] =
    /^(-?)([0-9]+)(?:\.([0-9]+))?(?:e([+-]?[0-9]+))?$/.exec(shortest) ?? [];
  const exponent = Number(exponentText);
  const digits = whole + fraction;
  const point = whole.length + exponent;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits}${"0".repeat(point - digits.length)}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}
