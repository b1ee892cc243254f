/**
 * Where one JSON value ends within a body, by brackets and quotes alone. Bytes, no text: a body is cut into values
 * before any of them is decoded, so that a bad one does not take its neighbours with it.
 */

const quote = 0x22;
const backslash = 0x5c;
const newline = 0x0a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;

export function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === newline || byte === 0x0d || byte === 0x09;
}

/** The first byte at or after `at` that is no white space. */
export function skipSpace(body: Uint8Array, at: number): number {
  while (at < body.length && isSpace(body[at])) at += 1;
  return at;
}

/**
 * The end of the value that begins at `start` (no white space there). If it does not end before `limit`, or one of its
 * texts holds a line break (which none may), it is broken: then -1 minus the place where that was seen.
 */
export function valueEnd(body: Uint8Array, start: number, limit = body.length): number {
  const first = body[start];
  if (first === quote) return stringEnd(body, start, limit);
  if (first !== openBrace && first !== openBracket) return wordEnd(body, start, limit);
  let depth = 0;
  for (let at = start; at < limit; at++) {
    const byte = body[at];
    if (byte === quote) {
      const end = stringEnd(body, at, limit);
      if (end < 0) return end;
      at = end - 1;
    } else if (byte === openBrace || byte === openBracket) {
      depth += 1;
    } else if (byte === closeBrace || byte === closeBracket) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return -1 - limit;
}

/** The next line before `limit` that begins with `{`: a broken body is read again from there. `limit` if there is none. */
export function nextLine(body: Uint8Array, start: number, limit: number): number {
  // Within the limit only: a body without line breaks would be searched to its end for each of its words.
  const part = body.subarray(0, limit);
  for (let at = lineEnd(part, start); at < limit; at = lineEnd(part, at)) {
    if (body[at] === openBrace) return at;
  }
  return limit;
}

/** Where the line of `start` ends, with its line break. */
export function lineEnd(body: Uint8Array, start: number): number {
  const at = body.indexOf(newline, start);
  return at < 0 ? body.length : at + 1;
}

function stringEnd(body: Uint8Array, start: number, limit: number): number {
  for (let at = start + 1; at < limit; at++) {
    const byte = body[at];
    if (byte === backslash) at += 1;
    else if (byte === quote) return at + 1;
    else if (byte === newline) return -1 - at;
  }
  return -1 - limit;
}

/** A number, a word or rubbish: up to white space or punctuation. */
function wordEnd(body: Uint8Array, start: number, limit: number): number {
  let at = start + 1;
  while (at < limit) {
    const byte = body[at];
    if (isSpace(byte) || byte === comma || byte === openBrace || byte === openBracket) break;
    if (byte === closeBrace || byte === closeBracket || byte === quote) break;
    at += 1;
  }
  return at;
}
