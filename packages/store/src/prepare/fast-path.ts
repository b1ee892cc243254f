/**
 * The usual event, from its bytes in the body to its load line, in one pass and without a text: flat, known member
 * names, texts without escapes, numbers in their canonical spelling. Whatever else it meets, it gives up without a
 * trace, and the careful path (event.ts) does the event from its beginning: the two give the same bytes.
 */

import { hash } from "node:crypto";
import { canonicalNumber, canonicalString, limits, uuidV8 } from "@epsilon/model";
import { microsOfDigits, microsOfRfc3339 } from "./fast-time.ts";
import { type LineWriter, lineOverheadBytes, writeDigits } from "./line-writer.ts";
import { partKind, type Shape, type ShapeNode, type ShapeTree, shapeOf, valueKind } from "./shapes.ts";
import { exactNumber, parseText } from "./values.ts";

const quote = 0x22;
const backslash = 0x5c;
const space = 0x20;

/** How events are named where they are not, and which may not be taken. */
export interface FastNaming {
  readonly nowMicros: number;
  readonly uuid: () => string;
  readonly named: boolean;
  readonly ordinal: (firstId: string) => number;
  /** Keys at or below it are purged; -Infinity where nothing is. */
  readonly horizonMicros: number;
}

/** Scratch for one event; nothing in it outlives a call. */
const memberMax = limits.eventFieldsMax + 8;
const starts = new Int32Array(memberMax);
const ends = new Int32Array(memberMax);
const kinds = new Uint8Array(memberMax);
/** Values whose canonical text is not what stands in the body: escapes, numbers such as `1.0`. */
const isOdd = new Uint8Array(memberMax);
const oddTexts: string[] = [];

const isNumberByte = new Uint8Array(256);
for (const character of "0123456789+-.eE") isNumberByte[character.charCodeAt(0)] = 1;

/** Short copies are cheaper in a loop of four bytes at a time than by a call. */
const loopCopyMax = 256;

export class FastPath {
  readonly #body: Buffer;
  /** The body's bytes, four at a time. */
  readonly #words: DataView;
  readonly #writer: LineWriter;
  readonly #tree: ShapeTree;
  readonly #naming: FastNaming;
  readonly #masks = new Map<Shape, Uint8Array>();
  #lastShape: Shape | null = null;
  #lastMasks: Uint8Array = new Uint8Array(0);
  tsMin = Number.POSITIVE_INFINITY;
  tsMax = Number.NEGATIVE_INFINITY;

  constructor(body: Buffer, options: { writer: LineWriter; tree: ShapeTree; naming: FastNaming }) {
    this.#body = body;
    this.#words = new DataView(body.buffer, body.byteOffset, body.byteLength);
    this.#writer = options.writer;
    this.#tree = options.tree;
    this.#naming = options.naming;
  }

  /** Does the event whose `{` is at `start`. Where it ends, or -1 if it is one for the careful path. */
  take(start: number): number {
    const node = this.#scan(start);
    if (node === null) return -1;
    const end = this.#end;
    if (end - start > limits.eventBytesMax) return -1;
    const shape = shapeOf(node);
    if (shape === null) return -1;
    const { named, nowMicros, horizonMicros } = this.#naming;
    if (named && (shape.tsMember < 0 || shape.idMember < 0)) return -1;
    let micros = nowMicros;
    if (shape.tsMember >= 0) {
      micros = this.#micros(shape.tsMember);
      if (Number.isNaN(micros)) return -1;
    } else if (shape.idMember >= 0) {
      return -1;
    }
    if (micros <= horizonMicros) return -1;
    if (shape.idMember >= 0 && !this.#isUuid(shape.idMember)) return -1;
    this.#write(shape, micros, end - start);
    this.#note(shape, micros, node.names.length);
    return end;
  }

  /** Field name to the bit mask of its types, over all events taken. */
  addFieldsTo(fields: Map<string, number>): void {
    for (const [shape, masks] of this.#masks) {
      for (const [member, name] of shape.fields.entries()) {
        const mask = masks[member] ?? 0;
        if (name !== null && mask !== 0) fields.set(name, (fields.get(name) ?? 0) | mask);
      }
    }
  }

  #end = 0;
  /** Room for the odd values of an event. */
  #oddBytes = 0;

  /** Finds every member's value; sets `#end`. Null where the careful path is needed. */
  #scan(start: number): ShapeNode | null {
    const body = this.#body;
    let node = this.#tree.root;
    let at = start + 1;
    this.#oddBytes = 0;
    for (let member = 0; member < limits.eventFieldsMax; member++) {
      while (body[at] === space) at += 1;
      if (body[at] !== quote) return null;
      at += 1;
      const next = this.#follow(node, at);
      if (next === null) return null;
      node = next;
      at = this.#end;
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
      this.#end = at;
      return node;
    }
    return null;
  }

  /** The node after the name that begins at `at`; `#end` is then behind its closing quote. */
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
        this.#end = at + length + 1;
        return edge.node;
      }
    }
    let end = at;
    for (; ; end++) {
      const byte = body[end];
      if (byte === quote) break;
      if (byte === undefined || byte === backslash || byte < space) return null;
    }
    this.#end = end + 1;
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
    this.#oddBytes += value.canonical.length * 3;
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

  #micros(member: number): number {
    const start = starts[member] as number;
    const end = ends[member] as number;
    if (kinds[member] === valueKind.number) return microsOfDigits(this.#body, start, end);
    if (kinds[member] === valueKind.text) return microsOfRfc3339(this.#body, start + 1, end - 1);
    return Number.NaN;
  }

  /** Whether it is a UUID in lower case, as it stands in canonical form. */
  #isUuid(member: number): boolean {
    const body = this.#body;
    const start = starts[member] as number;
    if (kinds[member] !== valueKind.text || (ends[member] as number) - start !== 38) return false;
    for (let index = 0; index < 36; index++) {
      const byte = body[start + 1 + index] as number;
      const isDash = index === 8 || index === 13 || index === 18 || index === 23;
      const good = isDash ? byte === 0x2d : (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66);
      if (!good) return false;
    }
    return true;
  }

  #write(shape: Shape, micros: number, sizeBytes: number): void {
    const writer = this.#writer;
    writer.reserve(sizeBytes * 2 + this.#oddBytes + 2 * lineOverheadBytes);
    const start = writer.at;
    let id: string | null = null;
    if (shape.idMember < 0) {
      if (shape.tsMember < 0) id = this.#naming.uuid();
      else id = this.#contentId(shape, micros);
    }
    this.#canonical(shape, micros, id);
    writer.seal(start);
  }

  /** The id that follows from the content: the canonical text without `_id` is written, hashed and taken back. */
  #contentId(shape: Shape, micros: number): string {
    const writer = this.#writer;
    const start = writer.at;
    this.#canonical(shape, micros, null);
    writer.bytes[writer.at++] = 0x0a;
    const content = writer.at;
    const idOf = (ordinal: number): string => {
      const end = writeDigits(writer.bytes, content, ordinal);
      return uuidV8(hash("sha256", writer.bytes.subarray(start, end), "buffer"));
    };
    const first = idOf(0);
    const ordinal = this.#naming.ordinal(first);
    const id = ordinal === 0 ? first : idOf(ordinal);
    writer.at = start;
    return id;
  }

  /** Writes the canonical text. Without an id where the event has none and none is given. */
  #canonical(shape: Shape, micros: number, id: string | null): void {
    const body = this.#body;
    const words = this.#words;
    const lastWord = words.byteLength - 4;
    const out = this.#writer.bytes;
    const outWords = this.#writer.words;
    const start = this.#writer.at;
    const parts = shape.kinds.length;
    const { prefixes, prefixEnds, members } = shape;
    let at = start;
    let prefix = 0;
    for (let part = 0; part < parts; part++) {
      const prefixEnd = prefixEnds[part] as number;
      const kind = shape.kinds[part];
      const member = members[part] as number;
      const isLeftOut =
        (kind === partKind.field && kinds[member] === valueKind.absent) ||
        (kind === partKind.id && member < 0 && id === null);
      if (isLeftOut) {
        prefix = prefixEnd;
        continue;
      }
      const valueAt = at + prefixEnd - prefix;
      // Whatever is copied too much is overwritten next; `reserve` left room for it.
      for (; prefix < prefixEnd; prefix += 4, at += 4)
        outWords.setInt32(at, prefixes.getInt32(prefix, true), true);
      prefix = prefixEnd;
      at = valueAt;
      if (kind === partKind.ts) {
        at = writeDigits(out, at, micros);
      } else if (member < 0) {
        out[at] = quote;
        out.write(id ?? "", at + 1, 36, "latin1");
        out[at + 37] = quote;
        at += 38;
      } else if (isOdd[member] === 1) {
        at += out.write(oddTexts[member] as string, at);
      } else {
        let from = starts[member] as number;
        const to = ends[member] as number;
        const partEnd = at + to - from;
        if (to - from > loopCopyMax || to > lastWord) {
          body.copy(out, at, from, to);
        } else {
          for (; from < to; from += 4, at += 4) outWords.setInt32(at, words.getInt32(from, true), true);
        }
        at = partEnd;
      }
    }
    out[start] = 0x7b;
    out[at++] = 0x7d;
    this.#writer.at = at;
  }

  #note(shape: Shape, micros: number, count: number): void {
    if (micros < this.tsMin) this.tsMin = micros;
    if (micros > this.tsMax) this.tsMax = micros;
    if (shape !== this.#lastShape) {
      let masks = this.#masks.get(shape);
      if (masks === undefined) {
        masks = new Uint8Array(count);
        this.#masks.set(shape, masks);
      }
      this.#lastShape = shape;
      this.#lastMasks = masks;
    }
    const masks = this.#lastMasks;
    for (let member = 0; member < count; member++)
      masks[member] = (masks[member] as number) | (kinds[member] as number);
  }
}
