/** Cells: a number only if that loses nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cellNumber, cellValue, plainSpelling } from "./cells.ts";

test("what a cell is", () => {
  const cells: readonly (readonly [string, unknown])[] = [
    ["", undefined],
    ["true", true],
    ["false", false],
    ["True", "True"],
    ["0", 0],
    ["-12", -12],
    ["12.50", 12.5],
    ["10.00", 10],
    ["0.000001", 0.000001],
    ["0.0000001", 1e-7],
    ["1e+21", 1e21],
    ["01234", "01234"],
    ["+5", "+5"],
    ["-0", "-0"],
    ["-0.00", "-0.00"],
    [".5", ".5"],
    ["5.", "5."],
    ["1e5", "1e5"],
    ["1E5", "1E5"],
    ["12e4567", "12e4567"],
    ["Infinity", "Infinity"],
    ["NaN", "NaN"],
    ["0x10", "0x10"],
    ["1,5", "1,5"],
    [" 1", " 1"],
    ["9007199254740993", "9007199254740993"],
    ["12345678901234567890", "12345678901234567890"],
    ["0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"],
    ["100000000000000000000", 1e20],
  ];
  for (const [text, value] of cells) assert.equal(cellValue(text), value, JSON.stringify(text));
});

test("a decimal comma brings points between thousands", () => {
  const cells: readonly (readonly [string, unknown])[] = [
    ["1.234,50", 1234.5],
    ["-12,5", -12.5],
    ["1.234", 1234],
    ["1234,5", 1234.5],
    ["1.23", "1.23"],
    ["1234.567", "1234.567"],
    ["01,5", "01,5"],
    ["0.123", "0.123"],
  ];
  for (const [text, value] of cells) assert.equal(cellValue(text, ","), value, text);
});

test("every finite number's shortest spelling is read as it, but for -0", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      assert.equal(cellNumber(String(value)), value === 0 ? 0 : value);
      assert.equal(Number(plainSpelling(String(value))), value === 0 ? 0 : value);
    }),
  );
});

test("a text that is read as a number has exactly that number's digits", () => {
  const digits = fc.stringMatching(/^-?[0-9]{1,20}(\.[0-9]{1,20})?$/);
  fc.assert(
    fc.property(digits, (text) => {
      const value = cellNumber(text);
      if (value === undefined) return;
      const trimmed = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
      assert.equal(plainSpelling(String(value)), trimmed);
    }),
  );
});
