/** Patterns: what both languages have means the same, what RE2 has not is refused, and no text makes anything else. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EpsilonError } from "@epsilon/model";
import fc from "fast-check";
import { checkPattern, compilePattern } from "./regex.ts";

test("a pattern means in JavaScript what it means in RE2", () => {
  for (const [pattern, text, matched] of [
    ["^/api/", "/api/x", true],
    ["a.b", "a\nb", false],
    ["a.b", "a\rb", true],
    ["^.$", "\u{1f600}", true],
    ["\\s", "\u00a0", false],
    ["[\\S]", " \t", false],
    ["(?i)web", "WEB", true],
    ["(?P<name>w)e", "we", true],
    ["\\Aab\\z", "ab", true],
    ["[[:alpha:]_]+$", "ab_", true],
    ["[^a-z-]", "a-b", false],
    ["[]a]", "]", true],
    ["a{,2}", "a{,2}", true],
    ["\\x{1f600}", "\u{1f600}", true],
    ["\\p{Greek}", "λ", true],
    ["it's \\\"\\-", "it's \"-", true],
    ["b$", "b\n", false],
  ] as const) {
    assert.equal(compilePattern(pattern).test(text), matched, `${pattern} on ${JSON.stringify(text)}`);
  }
});

test("what is no RE2 is refused", () => {
  for (const pattern of [
    "a(?=b)",
    "(?<!a)b",
    "(a)\\1",
    "(a",
    "a)",
    "[a",
    "*a",
    "a|+",
    "a**",
    "\\",
    "\\y",
    "[[:no:]]",
  ]) {
    assert.throws(() => checkPattern(pattern), { code: "bad_query" }, pattern);
  }
});

test("what only RE2 has passes, and is refused where it would have to be evaluated", () => {
  for (const pattern of ["(?s)a.b", "a(?i:b)", "\\Qa.b\\E", "(?U)a+"]) {
    checkPattern(pattern);
    assert.throws(() => compilePattern(pattern), { code: "bad_query" }, pattern);
  }
});

test("any text is a pattern or bad_query", () => {
  const odd = fc.string({ unit: fc.constantFrom(..."()[]{}?*+|^$\\.-:<>Pisx19a\u{1f600}"), maxLength: 12 });
  fc.assert(
    fc.property(odd, (pattern) => {
      try {
        compilePattern(pattern);
      } catch (error) {
        assert.ok(error instanceof EpsilonError && error.code === "bad_query", String(error));
      }
    }),
    { numRuns: 3000 },
  );
});
