/** The words of the query language. A text becomes tokens, each of which knows its place. */

import { EpsilonError } from "@epsilon/model";

export interface Token {
  /** `word` is a name or a keyword; `time` an unquoted date, timestamp or duration; `end` comes last. */
  readonly kind: "word" | "number" | "text" | "time" | "symbol" | "end";
  /** As written; of a `text` what it stands for. */
  readonly text: string;
  readonly start: number;
}

const spaces = /\s*/uy;
// A name may have dots (nested fields) and hyphens within.
const word = /[\p{L}_][\p{L}\p{M}\p{N}_]*(?:[.-][\p{L}\p{M}\p{N}_]+)*/uy;
const time =
  /\d{4}-\d{2}-\d{2}(?:[Tt]\d[\d:.]*(?:[Zz]|[+-]\d{2}:\d{2})?)?|\d+(?:mo|ms|[wdhms])(?![\p{L}\p{N}_])/uy;
const number = /-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?(?![\p{L}_])/uy;
const symbol = /<>|!=|<=|>=|==|[=<>(),*;]/y;

/** The tokens of a text. Throws `bad_query` where no word begins. */
export function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0] ?? null;
  };
  for (;;) {
    at += take(spaces)?.length ?? 0;
    const start = at;
    if (start >= source.length) {
      tokens.push({ kind: "end", text: "", start });
      return tokens;
    }
    const quote = source[start];
    if (quote === '"' || quote === "'") {
      const { text, end } = readText(source, start, quote);
      tokens.push({ kind: "text", text, start });
      at = end;
      continue;
    }
    const found = firstOf(take);
    if (found === null) throw placeError(source, start, "a word, a number, a text in quotes or an operator");
    tokens.push({ ...found, start });
    at += found.text.length;
  }
}

function firstOf(take: (pattern: RegExp) => string | null): Pick<Token, "kind" | "text"> | null {
  for (const [kind, pattern] of [
    ["word", word],
    ["time", time],
    ["number", number],
    ["symbol", symbol],
  ] as const) {
    const text = take(pattern);
    if (text !== null) return { kind, text };
  }
  return null;
}

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\",
  '"': '"',
  "'": "'",
  n: "\n",
  r: "\r",
  t: "\t",
};

/**
 * A text in quotes. A doubled quote stands for itself; so do backslash, quotes and n, r, t, u after a backslash. Before
 * anything else a backslash stays what it is, so that `"^\d+\.\w"` is the regular expression that it looks like.
 */
function readText(
  source: string,
  start: number,
  quote: string,
): { readonly text: string; readonly end: number } {
  let text = "";
  let at = start + 1;
  for (;;) {
    const character = source[at];
    if (character === undefined) throw placeError(source, at, `the closing ${quote} of the text`);
    if (character === quote) {
      if (source[at + 1] !== quote) return { text, end: at + 1 };
      text += quote;
      at += 2;
    } else if (character === "\\") {
      const letter = source[at + 1] ?? "";
      const unit = letter === "u" ? /^[0-9a-fA-F]{4}/.exec(source.slice(at + 2, at + 6))?.[0] : undefined;
      const escaped = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined;
      if (unit !== undefined) text += String.fromCharCode(Number.parseInt(unit, 16));
      else text += escaped ?? "\\";
      at += unit !== undefined ? 6 : escaped !== undefined ? 2 : 1;
    } else {
      text += character;
      at += 1;
    }
  }
}

/** What was expected where: line and column count from 1. */
export function placeError(source: string, at: number, expected: string): EpsilonError {
  const before = source.slice(0, at);
  const line = before.split("\n").length;
  const column = at - (before.lastIndexOf("\n") + 1) + 1;
  const found = at >= source.length ? "the end" : JSON.stringify(source.slice(at, at + 20));
  return new EpsilonError(
    "bad_query",
    `line ${line}, column ${column}: expected ${expected}, found ${found}`,
    {
      details: { line, column, expected },
    },
  );
}

/** An error about a word, at its place. */
export function placed(source: string, at: number, error: unknown): unknown {
  if (!(error instanceof EpsilonError) || error.details["line"] !== undefined) return error;
  const before = source.slice(0, at);
  const line = before.split("\n").length;
  const column = at - (before.lastIndexOf("\n") + 1) + 1;
  return new EpsilonError("bad_query", `line ${line}, column ${column}: ${error.message}`, {
    details: { expected: error.message, ...error.details, line, column },
    cause: error,
  });
}
