/** Rows of an answer as people and programs like to read them: aligned columns, CSV, or a line of JSON each. */

export type Row = Readonly<Record<string, unknown>>;

/** The columns of some rows, in the order in which they first come. */
export function columnsOf(rows: readonly Row[]): string[] {
  const columns = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) columns.add(name);
  return [...columns];
}

/** Aligned columns under a header; numbers to the right. Empty for no rows. */
export function formatTable(rows: readonly Row[]): string {
  if (rows.length === 0) return "";
  const columns = columnsOf(rows).map((name) => {
    const values = rows.map((row) => row[name]);
    const given = values.filter((value) => value !== undefined && value !== null);
    const cells = [name, ...values].map((value, index) => (index === 0 ? plain(name) : cellText(value)));
    return {
      cells,
      isNumeric: given.length > 0 && given.every((value) => typeof value === "number"),
      width: cells.reduce((width, cell) => Math.max(width, widthOf(cell)), 0),
    };
  });
  const lines: string[] = [];
  for (let index = 0; index <= rows.length; index++) {
    const line = columns.map(({ cells, isNumeric, width }) => {
      const cell = cells[index] ?? "";
      const space = " ".repeat(width - widthOf(cell));
      return isNumeric ? space + cell : cell + space;
    });
    lines.push(`${line.join("  ").trimEnd()}\n`);
  }
  return lines.join("");
}

/** RFC 4180 with a header. What is missing is an empty cell. */
export function formatCsv(rows: readonly Row[]): string {
  const columns = columnsOf(rows);
  if (columns.length === 0) return "";
  const lines = [columns, ...rows.map((row) => columns.map((name) => row[name]))];
  return lines.map((cells) => `${cells.map(csvCell).join(",")}\n`).join("");
}

/** One line of JSON a row. */
export function formatNdjson(rows: readonly Row[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}

function csvCell(value: unknown): string {
  const text = textOf(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function cellText(value: unknown): string {
  // Sixteen digits of an average help nobody; --format json has them all.
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(8)));
  return plain(textOf(value));
}

/** Without what would move the cursor or colour the terminal. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => JSON.stringify(character).slice(1, -1));
}

/** Columns on a terminal, near enough: code points, and two for East Asian and emoji. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text)
    width += /\p{Mark}/u.test(character)
      ? 0
      : /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u.test(
            character,
          )
        ? 2
        : 1;
  return width;
}
