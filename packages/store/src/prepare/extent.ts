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

/** The end of the value that begins at `start` (no white space there), or -1 if the body ends before it does. */
export function valueEnd(body: Uint8Array, start: number): number {
  const first = body[start];
  if (first === quote) return stringEnd(body, start);
  if (first !== openBrace && first !== openBracket) return wordEnd(body, start);
  let depth = 0;
  for (let at = start; at < body.length; at++) {
    const byte = body[at];
    if (byte === quote) {
      at = stringEnd(body, at) - 1;
      if (at < 0) return -1;
    } else if (byte === openBrace || byte === openBracket) {
      depth += 1;
    } else if (byte === closeBrace || byte === closeBracket) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}

/** The next line that begins with `{`: from there on a broken body is read again; the body's end if there is none. */
export function nextLine(body: Uint8Array, start: number): number {
  for (let at = body.indexOf(newline, start); at >= 0; at = body.indexOf(newline, at + 1)) {
    if (body[at + 1] === openBrace) return at + 1;
  }
  return body.length;
}

function stringEnd(body: Uint8Array, start: number): number {
  for (let at = start + 1; at < body.length; at++) {
    const byte = body[at];
    if (byte === backslash) at += 1;
    else if (byte === quote) return at + 1;
  }
  return -1;
}

/** A number, a word or rubbish: up to white space or punctuation. */
function wordEnd(body: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < body.length) {
    const byte = body[at];
    if (isSpace(byte) || byte === comma || byte === openBrace || byte === openBracket) break;
    if (byte === closeBrace || byte === closeBracket || byte === quote) break;
    at += 1;
  }
  return at;
}
