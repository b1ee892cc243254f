/** Reads tokens one after another: what the parsers of filters and of whole queries stand on. */

import { EpsilonError, limits } from "@epsilon/model";
import { placed, placeError, type Token, tokenize } from "./lexer.ts";

export class Reader {
  readonly source: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  /** Throws `bad_query` where no word begins, and for a text that is too long. */
  constructor(source: string) {
    const sizeBytes = new TextEncoder().encode(source).length;
    if (sizeBytes > limits.queryTextBytesMax) {
      throw new EpsilonError(
        "bad_query",
        `the query has ${sizeBytes} bytes, at most ${limits.queryTextBytesMax}`,
        { details: { line: 1, column: 1, expected: `at most ${limits.queryTextBytesMax} bytes` } },
      );
    }
    this.source = source;
    this.#tokens = tokenize(source);
  }

  /** The token `ahead` of the next one. */
  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)] as Token;
  }

  isAtStart(): boolean {
    return this.#at === 0;
  }

  next(): Token {
    const token = this.peek();
    if (token.kind !== "end") this.#at += 1;
    return token;
  }

  /** Whether the next tokens are these keywords, in any case. */
  isKeyword(...words: readonly string[]): boolean {
    return words.every((word, ahead) => {
      const token = this.peek(ahead);
      // Both ways, because some letters beyond ASCII have an ASCII letter as their other case.
      const { text } = token;
      return (
        token.kind === "word" && text.toUpperCase() === word && text.toLowerCase() === word.toLowerCase()
      );
    });
  }

  /** Takes the keywords if they are next. */
  keyword(...words: readonly string[]): boolean {
    if (!this.isKeyword(...words)) return false;
    this.#at += words.length;
    return true;
  }

  isSymbol(symbol: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === "symbol" && token.text === symbol;
  }

  /** Takes the symbol if it is next. */
  symbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false;
    this.#at += 1;
    return true;
  }

  /** Takes the symbol. Throws `bad_query` if something else is next. */
  expectSymbol(symbol: string): void {
    if (!this.symbol(symbol)) throw this.expected(`"${symbol}"`);
  }

  /** What was expected instead of the next token. */
  expected(what: string): EpsilonError {
    return placeError(this.source, this.peek().start, what);
  }

  /** Does work whose errors are about the next token. */
  here<T>(work: () => T): T {
    const { start } = this.peek();
    try {
      return work();
    } catch (error) {
      throw placed(this.source, start, error);
    }
  }

  /** A field: a name, or `field("…")` for names that are not words. */
  field(): string {
    if (this.isKeyword("FIELD") && this.isSymbol("(", 1)) {
      this.next();
      this.next();
      if (this.peek().kind !== "text")
        throw this.expected('the field\'s name in quotes: field("user agent")');
      const name = this.next().text;
      this.expectSymbol(")");
      return name;
    }
    if (this.peek().kind !== "word") throw this.expected("a field");
    return this.next().text;
  }
}
