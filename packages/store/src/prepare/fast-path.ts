/**
 * The usual event, from its bytes in the body to its load line, in one pass and without a text: flat, known member
 * names, texts without escapes, numbers in their canonical spelling. Whatever else it meets, it gives up without a
 * trace, and the careful path (event.ts) does the event from its beginning: the two give the same bytes.
 */

import { hash } from "node:crypto";
import { limits, uuidV8 } from "@epsilon/model";
import { microsOfDigits, microsOfRfc3339 } from "./fast-time.ts";
import { type LineWriter, lineOverheadBytes, writeDigits } from "./line-writer.ts";
import { ends, isOdd, kinds, MemberScanner, oddTexts, starts } from "./member-scanner.ts";
import { partKind, type Shape, type ShapeTree, shapeOf, valueKind } from "./shapes.ts";

const quote = 0x22;

/** How events are named where they are not, and which may not be taken. */
export interface FastNaming {
  readonly nowMicros: number;
  readonly uuid: () => string;
  readonly named: boolean;
  readonly ordinal: (firstId: string) => number;
  /** Keys at or below it are purged; -Infinity where nothing is. */
  readonly horizonMicros: number;
}

/** Short copies are cheaper in a loop of four bytes at a time than by a call. */
const loopCopyMax = 256;

export class FastPath {
  readonly #body: Buffer;
  /** The body's bytes, four at a time. */
  readonly #words: DataView;
  readonly #writer: LineWriter;
  readonly #scanner: MemberScanner;
  readonly #naming: FastNaming;
  readonly #masks = new Map<Shape, Uint8Array>();
  /** Where the last canonical text has its id. */
  #idAt = -1;
  #lastShape: Shape | null = null;
  #lastMasks: Uint8Array = new Uint8Array(0);
  tsMin = Number.POSITIVE_INFINITY;
  tsMax = Number.NEGATIVE_INFINITY;

  constructor(body: Buffer, options: { writer: LineWriter; tree: ShapeTree; naming: FastNaming }) {
    this.#body = body;
    this.#words = new DataView(body.buffer, body.byteOffset, body.byteLength);
    this.#writer = options.writer;
    this.#scanner = new MemberScanner(body, this.#words, options.tree);
    this.#naming = options.naming;
  }

  /** Does the event whose `{` is at `start`. Where it ends, or -1 if it is one for the careful path. */
  take(start: number): number {
    const node = this.#scanner.scan(start);
    if (node === null) return -1;
    const end = this.#scanner.end;
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
    writer.reserve(sizeBytes * 2 + this.#scanner.oddBytes + 2 * lineOverheadBytes);
    const start = writer.at;
    let id: string | null = null;
    if (shape.idMember < 0) {
      if (shape.tsMember < 0) id = this.#naming.uuid();
      else id = this.#contentId(shape, micros);
    }
    this.#canonical(shape, micros, id);
    writer.noteId(this.#idAt);
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
      if (kind === partKind.id) this.#idAt = at + 1;
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
