/** The command line's description: the page about it says the same, every flag has a variable, tables are as they should be. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { must } from "@epsilon/model";
import fc from "fast-check";
import { buildProgram } from "./program.ts";
import { createContext } from "./program-context.ts";
import { formatCsv, formatTable } from "./tables.ts";
import { version } from "./version.ts";

const program = buildProgram(createContext(() => undefined));
const commands = program.commands.filter(
  (command) => command.description() !== "" && !isHidden(command.name()),
);

function isHidden(name: string): boolean {
  return !program.helpInformation().includes(`\n  ${name} `);
}

function read(path: string): string {
  return readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");
}

test("the page and --help have the same commands and flags", () => {
  const page = read("../../../docs/cli.md");
  const sections = new Map<string, string>();
  for (const section of page.split(/^## /m).slice(1)) {
    const [title = ""] = section.split("\n", 1);
    sections.set(title, section);
  }
  const flagsIn = (text: string) => new Set(text.match(/--[a-z]+(?:-[a-z]+)*/g) ?? []);
  const common = flagsIn(must(sections.get("Every command")).split("\n\n")[1] ?? "");
  assert.deepEqual([...common].sort(), ["--format", "--quiet", "--token", "--token-file"]);
  const described = [...sections.keys()].filter((title) => title.startsWith("epsilon "));
  assert.deepEqual(
    described,
    commands.map((command) => `epsilon ${command.name()}`),
  );
  for (const command of commands) {
    const usage = must(sections.get(`epsilon ${command.name()}`)).split("\n\n")[1] ?? "";
    const own = command.options.map(({ long }) => must(long)).filter((flag) => !common.has(flag));
    const shown = [...flagsIn(usage)].filter((flag) => !common.has(flag));
    assert.deepEqual(shown.sort(), own.sort(), command.name());
    for (const flag of common)
      assert.ok(
        command.options.some(({ long }) => long === flag),
        `${command.name()} ${flag}`,
      );
  }
});

test("every flag has its variable, and every command examples", () => {
  for (const command of commands) {
    for (const { long, envVar } of command.options)
      assert.equal(envVar, `EPSILON_${must(long).slice(2).toUpperCase().replaceAll("-", "_")}`);
    let help = "";
    command.configureOutput({
      writeOut: (text) => {
        help += text;
      },
    });
    command.outputHelp();
    assert.ok(help.includes("Examples:"), command.name());
  }
});

test("the version is the package's", () => {
  assert.equal(version, (JSON.parse(read("../package.json")) as { version: string }).version);
});

/** The cells of RFC 4180, character by character. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[""]];
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    const row = must(rows.at(-1));
    if (character === '"' && isQuoted && text[at + 1] === '"') at += 1;
    else if (character === '"') {
      isQuoted = !isQuoted;
      continue;
    } else if (!isQuoted && character === ",") {
      row.push("");
      continue;
    } else if (!isQuoted && character === "\n") {
      rows.push([""]);
      continue;
    }
    row[row.length - 1] += character;
  }
  return rows.slice(0, -1);
}

test("CSV reads back as it was, whatever is in the cells", () => {
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom('"', ",", "\n", "\r"),
    fc.integer(),
    fc.boolean(),
  );
  fc.assert(
    fc.property(fc.array(fc.record({ a: value, 'b "c", d': value }), { minLength: 1 }), (rows) => {
      const expected = [Object.keys(must(rows[0])), ...rows.map((row) => Object.values(row).map(String))];
      assert.deepEqual(parseCsv(formatCsv(rows)), expected);
    }),
  );
});

test("a table's columns are aligned, and nothing in a cell moves the cursor", () => {
  const table = formatTable([
    { host: "w\u001b[31m", n: 1, avg: 1.23456789012345 },
    { host: "日本", n: 1000, avg: null, more: { a: [1] } },
  ]);
  assert.equal(
    table,
    'host            n  avg        more\nw\\u001b[31m     1  1.2345679\n日本         1000             {"a":[1]}\n'.replace(
      "avg        more",
      "      avg  more",
    ),
  );
  assert.equal(formatTable([]), "");
  assert.equal(formatCsv([]), "");
});
