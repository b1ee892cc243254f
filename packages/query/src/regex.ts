/**
 * The regular expressions of `matches`. The store runs them with RE2; plain evaluation runs them with JavaScript, whose
 * language differs. This translates what both have into JavaScript with the `u` flag, and tells apart what is no RE2
 * (refused everywhere) from what only plain evaluation cannot do.
 */

import { EpsilonError } from "@epsilon/model";

interface Translation {
  readonly source: string;
  readonly flags: string;
  /** What JavaScript has no counterpart for, if anything. */
  readonly beyond: string | null;
}

/** Groups that RE2 knows and that are written otherwise, or not at all, in JavaScript. */
const groupStart = /^\(\?(?:(:)|P?<([A-Za-z_][A-Za-z0-9_]*)>|([imsU]*(?:-[imsU]+)?)(:|\)))/;
const quantifier = /^(?:[*+?]|\{\d{1,4}(?:,\d{0,4})?\})\??/;
const whitespace = "\\t\\n\\f\\r ";
const notWhitespace = "\\0-\\x08\\x0b\\x0e-\\x1f\\x21-\\u{10ffff}";
const posix: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\0-\\x7f",
  blank: "\\t ",
  cntrl: "\\0-\\x1f\\x7f",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`\\{-~",
  space: "\\t-\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};
const simpleEscapes: Readonly<Record<string, string>> = {
  a: "\\x07",
  f: "\\f",
  n: "\\n",
  r: "\\r",
  t: "\\t",
  v: "\\x0b",
  d: "\\d",
  D: "\\D",
  w: "\\w",
  W: "\\W",
};

/** Throws `bad_query` for a text that is certainly no RE2: look-around, back-references, unbalanced brackets. */
export function checkPattern(pattern: string): void {
  translate(pattern);
}

/** The pattern for JavaScript; matches anywhere in a text. Throws `bad_query` for what JavaScript cannot do too. */
export function compilePattern(pattern: string): RegExp {
  const { source, flags, beyond } = translate(pattern);
  if (beyond !== null) throw refused(pattern, `${beyond} cannot be evaluated here`);
  try {
    return new RegExp(source, flags);
  } catch (cause) {
    throw new EpsilonError("bad_query", `MATCHES ${JSON.stringify(pattern)}: not a regular expression`, {
      cause,
    });
  }
}

function translate(pattern: string): Translation {
  let source = "";
  let flags = "u";
  let beyond: string | null = null;
  let depth = 0;
  let repeatable = false;
  let at = 0;
  while (at < pattern.length) {
    const rest = pattern.slice(at);
    const character = String.fromCodePoint(rest.codePointAt(0) ?? 0);
    const repeat = quantifier.exec(rest);
    if (repeat !== null) {
      if (!repeatable) throw refused(pattern, `nothing to repeat before ${repeat[0]}`);
      source += repeat[0];
      at += repeat[0].length;
      repeatable = false;
    } else if (character === "(") {
      const group = rest.startsWith("(?") ? groupStart.exec(rest) : null;
      if (group === null && rest.startsWith("(?"))
        throw refused(pattern, "RE2 has no look-around; use a filter with NOT beside it");
      const [text, , name, modifiers, end] = group ?? ["("];
      if (modifiers !== undefined && modifiers !== "") {
        if (modifiers === "i" && end === ")" && at === 0) flags = "iu";
        else beyond = `(?${modifiers}${end}`;
      }
      const opens = end !== ")";
      if (opens) {
        depth += 1;
        source += name === undefined ? (group === null ? "(" : "(?:") : `(?<${name}>`;
      }
      at += text.length;
      repeatable = false;
    } else if (character === ")") {
      depth -= 1;
      if (depth < 0) throw refused(pattern, "a ) without its (");
      source += ")";
      at += 1;
      repeatable = true;
    } else if (character === "[") {
      const set = translateSet(pattern, at);
      beyond ??= set.beyond;
      source += set.source;
      at = set.end;
      repeatable = true;
    } else if (character === "\\") {
      const escaped = translateEscape(pattern, at, false);
      beyond ??= escaped.beyond;
      source += escaped.source;
      at = escaped.end;
      repeatable = true;
    } else {
      source += character === "." ? "[^\\n]" : "^$|".includes(character) ? character : literalOf(character);
      repeatable = character !== "|";
      at += character.length;
    }
  }
  if (depth > 0) throw refused(pattern, "a ( without its )");
  return { source, flags, beyond };
}

interface Piece {
  readonly source: string;
  readonly end: number;
  readonly beyond: string | null;
}

/** `[…]`, from its bracket on. */
function translateSet(pattern: string, start: number): Piece {
  let at = start + 1;
  let source = "[";
  let beyond: string | null = null;
  if (pattern[at] === "^") {
    source += "^";
    at += 1;
  }
  for (let first = true; ; first = false) {
    const character = pattern[at];
    if (character === undefined) throw refused(pattern, "a [ without its ]");
    if (character === "]" && !first) return { source: `${source}]`, end: at + 1, beyond };
    const named = /^\[:(\^?)([a-z]+):\]/.exec(pattern.slice(at));
    if (named !== null) {
      const set = posix[named[2] ?? ""];
      if (set === undefined) throw refused(pattern, `no such class: ${named[0]}`);
      if (named[1] === "^") beyond = named[0];
      source += set;
      at += named[0].length;
    } else if (character === "\\") {
      const escaped = translateEscape(pattern, at, true);
      beyond ??= escaped.beyond;
      source += escaped.source;
      at = escaped.end;
    } else {
      const whole = String.fromCodePoint(pattern.codePointAt(at) ?? 0);
      source += whole === "-" && isRange(pattern, at, start) ? "-" : literalOf(whole);
      at += whole.length;
    }
  }
}

/** A hyphen between two members makes a range; at either end it is itself. */
function isRange(pattern: string, at: number, start: number): boolean {
  const opens = at === start + 1 || (at === start + 2 && pattern[start + 1] === "^");
  return !opens && pattern[at + 1] !== "]";
}

/** A backslash and what belongs to it. */
function translateEscape(pattern: string, start: number, inSet: boolean): Piece {
  const rest = pattern.slice(start + 1);
  const [letter] = rest;
  if (letter === undefined) throw refused(pattern, "it ends with a backslash");
  const simple = Object.hasOwn(simpleEscapes, letter) ? simpleEscapes[letter] : undefined;
  if (simple !== undefined) return { source: simple, end: start + 2, beyond: null };
  if (letter === "s" || letter === "S") {
    const members = letter === "s" ? whitespace : notWhitespace;
    return { source: inSet ? members : `[${members}]`, end: start + 2, beyond: null };
  }
  if (!inSet && (letter === "A" || letter === "z"))
    return { source: letter === "A" ? "^" : "$", end: start + 2, beyond: null };
  if (!inSet && (letter === "b" || letter === "B"))
    return { source: `\\${letter}`, end: start + 2, beyond: null };
  const hex = /^x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/.exec(rest);
  if (hex !== null)
    return { source: `\\u{${hex[1] ?? hex[2]}}`, end: start + 1 + hex[0].length, beyond: null };
  const property = /^[pP](?:([A-Z])|\{(\^?)(\w+)\})/.exec(rest);
  if (property !== null) {
    const name = property[1] ?? property[3] ?? "";
    const negated = property[2] === "^";
    const script = name.length > 2 ? `Script=${name}` : name;
    return {
      source: `\\${rest[0]}{${script}}`,
      end: start + 1 + property[0].length,
      beyond: negated ? `\\${property[0]}` : null,
    };
  }
  if (/[1-9]/.test(letter)) throw refused(pattern, "RE2 has no back-references");
  if (/[QEC0]/.test(letter)) return { source: "", end: start + 2, beyond: `\\${letter}` };
  if (/[A-Za-z]/.test(letter)) throw refused(pattern, `no such escape: \\${letter}`);
  const whole = String.fromCodePoint(rest.codePointAt(0) ?? 0);
  return { source: literalOf(whole), end: start + 1 + whole.length, beyond: null };
}

/** A character as itself, wherever it stands. */
function literalOf(character: string): string {
  if (/^[A-Za-z0-9_ ]$/.test(character)) return character;
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

function refused(pattern: string, why: string): EpsilonError {
  return new EpsilonError("bad_query", `MATCHES ${JSON.stringify(pattern)}: ${why}`);
}
