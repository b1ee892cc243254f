/**
 * Finds the members of an event in its bytes: names lead through the tree of shapes, values are noted by place and
 * kind. Gives up (null, or -1) at whatever is not usual.
 */

import { canonicalNumber, canonicalString, exactNumber, limits, parseText } from "@epsilon/model";
import { type ShapeNode, type ShapeTree, valueKind } from "./shapes.ts";

const quote = 0x22;
const backslash = 0x5c;
const space = 0x20;

/** What the last scan found, by member; good until the next one. */
const memberMax = limits.eventFieldsMax + 8;
export const starts = new Int32Array(memberMax);
export const ends = new Int32Array(memberMax);
export const kinds = new Uint8Array(memberMax);
/** Values whose canonical text is not what stands in the body: escapes, numbers such as `1.0`. */
export const isOdd = new Uint8Array(memberMax);
export const oddTexts: string[] = [];

const isNumberByte = new Uint8Array(256);
for (const character of "0123456789+-.eE") isNumberByte[character.charCodeAt(0)] = 1;

export class MemberScanner {
  readonly #body: Buffer;
  /** The body's bytes, four at a time. */
  readonly #words: DataView;
  readonly #tree: ShapeTree;
  /** Where the event that was scanned last ends. */
  end = 0;
  /** Room for the odd values of that event. */
  oddBytes = 0;

  constructor(body: Buffer, words: DataView, tree: ShapeTree) {
    this.#body = body;
    this.#words = words;
    this.#tree = tree;
  }

  /** Finds every member's value; sets `end` and `oddBytes`. Null where the careful path is needed. */
  scan(start: number): ShapeNode | null {
    const body = this.#body;
    let node = this.#tree.root;
    let at = start + 1;
    this.oddBytes = 0;
    for (let member = 0; member < limits.eventFieldsMax; member++) {
      while (body[at] === space) at += 1;
      if (body[at] !== quote) return null;
      at += 1;
      const next = this.#follow(node, at);
      if (next === null) return null;
      node = next;
      at = this.end;
      while (body[at] === space) at += 1;
      if (body[at] !== 0x3a) return null;
      at += 1;
      while (body[at] === space) at += 1;
      const end = this.#value(member, at);
      if (end < 0) return null;
      at = end;
      while (body[at] === space) at += 1;
      const byte = body[at++];
      if (byte === 0x2c) continue;
      if (byte !== 0x7d) return null;
      this.end = at;
      return node;
    }
    return null;
  }

  /** The node after the name that begins at `at`; `end` is then behind its closing quote. */
  #follow(node: ShapeNode, at: number): ShapeNode | null {
    const body = this.#body;
    const edges = node.edges;
    for (let index = 0; index < edges.length; index++) {
      const edge = edges[index];
      if (edge === undefined) break;
      const name = edge.name;
      const length = name.length;
      if (body[at + length] !== quote) continue;
      let same = 0;
      while (same < length && body[at + same] === name[same]) same += 1;
      if (same === length) {
        this.end = at + length + 1;
        return edge.node;
      }
    }
    let end = at;
    for (; ; end++) {
      const byte = body[end];
      if (byte === quote) break;
      if (byte === undefined || byte === backslash || byte < space) return null;
    }
    this.end = end + 1;
    return this.#tree.grow(node, body.subarray(at, end));
  }

  /** Notes kind and place of the value at `at`; where it ends, or -1. */
  #value(member: number, at: number): number {
    const body = this.#body;
    const first = body[at];
    starts[member] = at;
    isOdd[member] = 0;
    if (first === quote) {
      let end = this.#plain(at + 1);
      let byte = body[end];
      while (byte !== quote) {
        if (byte === backslash) return this.#oddText(member, at);
        if (byte === undefined || byte < space) return -1;
        byte = body[++end];
      }
      if (end - at - 1 > limits.stringBytesMax) return -1;
      kinds[member] = valueKind.text;
      ends[member] = end + 1;
      return end + 1;
    }
    if (first === 0x74) return this.#word(member, at, valueKind.boolean, 4, 0x72, 0x75, 0x65);
    if (first === 0x66 && body[at + 4] === 0x65)
      return this.#word(member, at, valueKind.boolean, 5, 0x61, 0x6c, 0x73);
    if (first === 0x6e) return this.#word(member, at, valueKind.absent, 4, 0x75, 0x6c, 0x6c);
    const end = this.#number(member, at);
    return end < 0 ? this.#oddNumber(member, at) : end;
  }

  /** A text with escapes. */
  #oddText(member: number, start: number): number {
    const body = this.#body;
    let end = start + 1;
    for (; body[end] !== quote; end++) {
      if (body[end] === undefined) return -1;
      if (body[end] === backslash) end += 1;
    }
    end += 1;
    const text = parseText(body.toString("utf8", start, end));
    if (text === null) return -1;
    return this.#odd(member, { end, kind: valueKind.text, canonical: canonicalString(text) });
  }

  /** A number in another spelling than the canonical one. */
  #oddNumber(member: number, start: number): number {
    const body = this.#body;
    let end = start;
    for (let byte = body[end]; byte !== undefined && isNumberByte[byte] === 1; byte = body[++end]);
    const value = exactNumber(body.toString("latin1", start, end));
    if (value === null) return -1;
    return this.#odd(member, { end, kind: valueKind.number, canonical: canonicalNumber(value) });
  }

  #odd(
    member: number,
    value: { readonly end: number; readonly kind: number; readonly canonical: string },
  ): number {
    kinds[member] = value.kind;
    ends[member] = value.end;
    isOdd[member] = 1;
    oddTexts[member] = value.canonical;
    this.oddBytes += value.canonical.length * 3;
    return value.end;
  }

  /** Skips what is plain text, four bytes at a time: no quote, backslash or control character among them. */
  #plain(start: number): number {
    const words = this.#words;
    const last = words.byteLength - 4;
    let at = start;
    for (; at <= last; at += 4) {
      const word = words.getInt32(at, true);
      // A byte that is zero borrows from above: S. E. Anderson, "Bit Twiddling Hacks", "determine if a word has a zero
      // byte", and "has a byte less than n".
      const quotes = word ^ 0x22222222;
      const backslashes = word ^ 0x5c5c5c5c;
      const found =
        ((quotes - 0x01010101) & ~quotes) |
        ((backslashes - 0x01010101) & ~backslashes) |
        ((word - 0x20202020) & ~word);
      if ((found & 0x80808080) !== 0) break;
    }
    return at;
  }

  #word(
    member: number,
    at: number,
    kind: number,
    length: number,
    second: number,
    third: number,
    fourth: number,
  ): number {
    const body = this.#body;
    if (body[at + 1] !== second || body[at + 2] !== third || body[at + 3] !== fourth) return -1;
    kinds[member] = kind;
    ends[member] = at + length;
    return at + length;
  }

  /**
   * A number in the spelling that RFC 8785 gives it: no exponent, no leading or trailing zeros, at most 15 significant
   * digits (every such decimal is the shortest of its double), and not so small that it would get an exponent.
   */
  #number(member: number, start: number): number {
    const body = this.#body;
    let at = start;
    if (body[at] === 0x2d) at += 1;
    const whole = at;
    let byte = body[at] as number;
    while (byte >= 0x30 && byte <= 0x39) byte = body[++at] as number;
    let digits = at - whole;
    if (digits === 0 || digits > 15) return -1;
    const leadingZero = body[whole] === 0x30;
    if (leadingZero && digits > 1) return -1;
    if (byte === 0x2e) {
      const point = at;
      let leading = leadingZero ? 0 : -1;
      byte = body[++at] as number;
      while (byte >= 0x30 && byte <= 0x39) {
        if (leading >= 0 && byte === 0x30) leading += 1;
        else if (leading >= 0) {
          if (leading > 5) return -1;
          leading = -1;
        }
        byte = body[++at] as number;
      }
      const decimals = at - point - 1;
      digits += decimals;
      if (decimals === 0 || digits > 15 || leading >= 0 || body[at - 1] === 0x30) return -1;
    } else if (leadingZero && whole !== start) {
      return -1;
    }
    if (byte === 0x65 || byte === 0x45) return -1;
    kinds[member] = valueKind.number;
    ends[member] = at;
    return at;
  }
}
