/** The usual spellings of `_ts`, read from bytes. Anything else is left to `parseTimestamp`, which also has the messages. */

const zero = 0x30;

/** Milliseconds as 12 to 14 plain digits between 1e11 and 1e14. */
const msMin = 1e11;
const msMax = 1e14;

/** Microseconds of a number of milliseconds that is plain digits; NaN if it is anything else. */
export function microsOfDigits(body: Uint8Array, start: number, end: number): number {
  if (end - start < 12 || end - start > 15) return Number.NaN;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (body[at] as number) - zero;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  const micros = value * 1000;
  return value >= msMin && value <= msMax && Number.isSafeInteger(micros) ? micros : Number.NaN;
}

/** Days from 1970-01-01 of the date that was read last: most events are of one day. */
let lastDate = -1;
let lastDay = 0;

/**
 * Microseconds of `2026-01-31T12:00:00Z`, with up to six decimals (quotes left out); NaN if it is spelled in another
 * way, is wrong, or lies before 1970.
 */
export function microsOfRfc3339(body: Uint8Array, start: number, end: number): number {
  if (end - start < 20 || body[end - 1] !== 0x5a || body[start + 10] !== 0x54) return Number.NaN;
  if (body[start + 4] !== 0x2d || body[start + 7] !== 0x2d) return Number.NaN;
  if (body[start + 13] !== 0x3a || body[start + 16] !== 0x3a) return Number.NaN;
  const date =
    two(body, start) * 1_000_000 +
    two(body, start + 2) * 10_000 +
    two(body, start + 5) * 100 +
    two(body, start + 8);
  const hour = two(body, start + 11);
  const minute = two(body, start + 14);
  const second = two(body, start + 17);
  // A NaN fails every comparison.
  if (!(date >= 19_700_101 && hour <= 23 && minute <= 59 && second <= 59)) return Number.NaN;
  if (date !== lastDate) {
    const day = dayOfDate(date);
    if (Number.isNaN(day)) return Number.NaN;
    lastDate = date;
    lastDay = day;
  }
  const decimals = decimalsOf(body, start + 19, end - 1);
  const seconds = lastDay * 86_400 + hour * 3600 + minute * 60 + second;
  const micros = seconds * 1_000_000 + decimals;
  return Number.isSafeInteger(micros) ? micros : Number.NaN;
}

function decimalsOf(body: Uint8Array, start: number, end: number): number {
  if (start === end) return 0;
  if (body[start] !== 0x2e || end - start < 2 || end - start > 7) return Number.NaN;
  let value = 0;
  for (let at = start + 1; at < end; at++) {
    const digit = (body[at] as number) - zero;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  for (let place = end - start; place < 7; place++) value *= 10;
  return value;
}

function two(body: Uint8Array, at: number): number {
  const tens = (body[at] as number) - zero;
  const ones = (body[at + 1] as number) - zero;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

function dayOfDate(date: number): number {
  const year = Math.floor(date / 10_000);
  const month = Math.floor(date / 100) % 100;
  const day = date % 100;
  const ms = Date.UTC(year, month - 1, day);
  // Date.UTC rolls over what does not exist: the 30th of February comes back as March.
  const back = new Date(ms);
  const exists = back.getUTCMonth() === month - 1 && back.getUTCDate() === day;
  return exists ? ms / 86_400_000 : Number.NaN;
}
