/**
 * JSON as RFC 8259 has it, parsed without losing what `JSON.parse` loses: members of one name, and how a number was
 * written. The careful path of prepare; what is usual never comes here (fast-path.ts).
 */

import { EpsilonError } from "./errors.ts";
import { limits } from "./limits.ts";

/** A number, with its spelling: an integer beyond 2^53 is not what its double says. */
export class JsonNumber {
  readonly text: string;
  readonly value: number;

  constructor(text: string) {
    this.text = text;
    this.value = Number(text);
  }
}

/** An object's members in the order in which they were written, repeated names included. */
export class JsonObject {
  readonly members: (readonly [name: string, value: JsonNode])[] = [];
}

export type JsonNode = string | boolean | null | JsonNumber | JsonObject | readonly JsonNode[];

const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what ends a plain text
const plainPattern = /[^"\\\u0000-\u001f]*/y;
const spacePattern = /[ \t\r\n]*/y;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** Parses one JSON value that is the whole text. Throws `bad_json` (with what was expected where) and `too_deep`. */
export function parseStrictJson(text: string): JsonNode {
  const parser = new Parser(text);
  const node = parser.value(0);
  parser.end();
  return node;
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonNode {
    if (depth > limits.nestingDepthMax) {
      throw new EpsilonError("too_deep", `nested deeper than ${limits.nestingDepthMax} levels; flatten it`);
    }
    this.#space();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.#expected("the end of the value");
  }

  #object(depth: number): JsonObject {
    const object = new JsonObject();
    this.#at += 1;
    this.#space();
    if (this.#takes("}")) return object;
    do {
      this.#space();
      if (this.#text[this.#at] !== '"') throw this.#expected("a member's name in double quotes");
      const name = this.#string();
      this.#space();
      if (!this.#takes(":")) throw this.#expected('":"');
      object.members.push([name, this.value(depth + 1)]);
      this.#space();
    } while (this.#takes(","));
    if (!this.#takes("}")) throw this.#expected('"," or "}"');
    return object;
  }

  #array(depth: number): readonly JsonNode[] {
    const array: JsonNode[] = [];
    this.#at += 1;
    this.#space();
    if (this.#takes("]")) return array;
    do {
      array.push(this.value(depth + 1));
      this.#space();
    } while (this.#takes(","));
    if (!this.#takes("]")) throw this.#expected('"," or "]"');
    return array;
  }

  #string(): string {
    this.#at += 1;
    let value = "";
    for (;;) {
      plainPattern.lastIndex = this.#at;
      const plain = plainPattern.exec(this.#text)?.[0] ?? "";
      value += plain;
      this.#at += plain.length;
      if (this.#takes('"')) return value;
      if (!this.#takes("\\")) {
        const what =
          this.#at < this.#text.length ? "control characters escaped (\\n, \\u0000)" : "a closing quote";
        throw this.#expected(what);
      }
      value += this.#escape();
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at] ?? "";
    if (letter === "u") {
      const digits = this.#text.slice(this.#at + 1, this.#at + 5);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#expected("four hex digits after \\u");
      this.#at += 5;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const character = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined;
    if (character === undefined) throw this.#expected('an escape: one of " \\ / b f n r t u');
    this.#at += 1;
    return character;
  }

  #number(): JsonNumber {
    numberPattern.lastIndex = this.#at;
    const text = numberPattern.exec(this.#text)?.[0];
    if (text === undefined) throw this.#expected("a JSON value");
    this.#at += text.length;
    return new JsonNumber(text);
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#expected("a JSON value");
    this.#at += word.length;
    return value;
  }

  #space(): void {
    spacePattern.lastIndex = this.#at;
    this.#at += spacePattern.exec(this.#text)?.[0].length ?? 0;
  }

  #takes(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #expected(what: string): EpsilonError {
    const found = this.#text.slice(this.#at, this.#at + 20);
    const near = found === "" ? "the text ends" : `there is ${JSON.stringify(found)}`;
    return new EpsilonError("bad_json", `not JSON: expected ${what} at character ${this.#at + 1}, ${near}`);
  }
}
