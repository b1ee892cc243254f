/**
 * Cuts JSON into its values: an array's elements, or values one after another, on one line or over many. It follows
 * strings and brackets only; whoever takes a value parses it.
 */

import { EpsilonError } from "@epsilon/model";
import {
  type BadRecord,
  newline,
  Pending,
  type RawRecord,
  recordBytesMax,
  type Split,
  type Splitter,
  tooLong,
} from "./records.ts";

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** One record a value. Throws `bad_json` where what stands between values is not JSON. */
export function splitJson(): Splitter {
  const pending = new Pending();
  let position: "begin" | "values" | "array" | "after" = "begin";
  let isSkipping = false;
  // Inside a value: how deep, whether in a string, and how far it was looked at.
  let depth = 0;
  let isText = false;
  let isEscaped = false;
  let isScalar = false;
  let isInside = false;
  let looked = 0;

  const cut = (atEnd: boolean): Split => {
    const records: RawRecord[] = [];
    const bad: BadRecord[] = [];
    const { bytes } = pending;
    let from = 0;
    let lineOfFrom = pending.line;
    let line = pending.line;
    let at = looked;
    if (isInside) line += countLines(bytes, looked);
    const finish = (end: number): void => {
      if (!isSkipping)
        records.push({ bytes: bytes.subarray(from, end), offset: pending.offset + from, line: lineOfFrom });
      isSkipping = false;
      isInside = false;
      isScalar = false;
      from = end;
      lineOfFrom = line;
    };
    for (; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === newline) line += 1;
      if (isInside) {
        if (isText) {
          if (isEscaped) isEscaped = false;
          else if (byte === backslash) isEscaped = true;
          else if (byte === quote) {
            isText = false;
            if (depth === 0) finish(at + 1);
          }
        } else if (byte === quote && !isScalar) isText = true;
        else if (isScalar) {
          if (isSpace(byte) || byte === comma || byte === closeBracket) {
            finish(at);
            // The byte belongs to what stands between values: look at it again.
            if (byte === newline) line -= 1;
            at -= 1;
          }
        } else if (byte === openBrace || byte === openBracket) depth += 1;
        else if (byte === closeBrace || byte === closeBracket) {
          depth -= 1;
          if (depth === 0) finish(at + 1);
        }
        continue;
      }
      if (isSpace(byte)) continue;
      if (position === "begin" && byte === openBracket) {
        position = "array";
        continue;
      }
      if (position === "array" && byte === comma) continue;
      if (position === "array" && byte === closeBracket) {
        position = "after";
        continue;
      }
      if (position === "after" || byte === comma || byte === closeBrace || byte === closeBracket)
        throw new EpsilonError(
          "bad_json",
          `line ${line}: ${JSON.stringify(String.fromCharCode(byte))} stands where a value should begin`,
          { details: { line } },
        );
      if (position === "begin") position = "values";
      isInside = true;
      from = at;
      lineOfFrom = line;
      depth = byte === openBrace || byte === openBracket ? 1 : 0;
      isText = byte === quote;
      isScalar = depth === 0 && !isText;
    }
    if (atEnd && isInside) {
      if (isScalar) finish(bytes.length);
      else bad.push({ line: lineOfFrom, code: "bad_json", message: "the file ends inside of this value" });
    } else if (atEnd && position === "array")
      bad.push({ line, code: "bad_json", message: "the file ends before its array is closed; is it whole?" });
    const keepFrom = isInside ? from : bytes.length;
    pending.drop(keepFrom);
    pending.line = isInside ? lineOfFrom : line;
    looked = isInside ? bytes.length - keepFrom : 0;
    if (isInside && pending.bytes.length > recordBytesMax) {
      if (!isSkipping) bad.push(tooLong(pending.line));
      isSkipping = true;
      pending.line = line;
      looked -= pending.bytes.length;
      pending.drop(pending.bytes.length);
    }
    return { records, bad, end: pending.offset };
  };
  return {
    push: (chunk) => {
      pending.add(chunk);
      return cut(false);
    },
    end: () => cut(true),
  };
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function countLines(bytes: Uint8Array, to: number): number {
  let count = 0;
  for (let at = bytes.indexOf(newline); at !== -1 && at < to; at = bytes.indexOf(newline, at + 1)) count += 1;
  return count;
}
