/**
 * Reduces TypeScript to what a rule may look at: comments and the contents of strings are blanked out, line by line,
 * so that `"Date.now is banned"` in a message or a comment does not count as a use.
 *
 * This is not a parser. It knows comments, strings, templates (the code inside `${}` stays) and, by what stands
 * before the slash, regular expressions. Everything keeps its place: offsets and line numbers stay true.
 */

const regexMayFollow = /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|await|yield))$/;

/** The same text with comments, string contents and regular expressions replaced by spaces. */
export function codeOnly(text) {
  const out = [];
  let at = 0;
  const templates = []; // brace depths at which an enclosing template goes on
  let depth = 0;
  const blankTo = (end) => {
    out.push(text.slice(at, end).replace(/[^\n]/g, " "));
    at = end;
  };
  const keep = (count) => {
    out.push(text.slice(at, at + count));
    at += count;
  };
  const blankTemplate = () => {
    const end = templateEnd(text, at);
    blankTo(end);
    if (text.startsWith("${", end)) {
      keep(2);
      templates.push(depth);
      depth += 1;
    } else keep(1);
  };
  while (at < text.length) {
    const char = text[at];
    const two = text.slice(at, at + 2);
    if (two === "//") blankTo(indexOrEnd(text, "\n", at));
    else if (two === "/*") blankTo(indexOrEnd(text, "*/", at) + 2);
    else if (char === '"' || char === "'") blankString();
    else if (char === "`") {
      keep(1);
      blankTemplate();
    } else if (char === "/" && regexMayFollow.test(lastWords(out))) blankTo(regexEnd(text, at));
    else if (char === "{") {
      depth += 1;
      keep(1);
    } else if (char === "}") {
      depth -= 1;
      keep(1);
      if (templates.at(-1) === depth) {
        templates.pop();
        blankTemplate();
      }
    } else keep(1);
  }
  return out.join("");

  function blankString() {
    const quote = text[at];
    let end = at + 1;
    while (end < text.length && text[end] !== quote && text[end] !== "\n") end += text[end] === "\\" ? 2 : 1;
    keep(1);
    blankTo(end);
    keep(1);
  }
}

/** The line number (from 1) of an offset. */
export function lineOf(text, offset) {
  return text.slice(0, offset).split("\n").length;
}

function indexOrEnd(text, needle, from) {
  const index = text.indexOf(needle, from);
  return index < 0 ? text.length : index;
}

function templateEnd(text, from) {
  let end = from;
  while (end < text.length && text[end] !== "`" && !text.startsWith("${", end))
    end += text[end] === "\\" ? 2 : 1;
  return end;
}

function regexEnd(text, from) {
  let end = from + 1;
  let inClass = false;
  while (end < text.length && text[end] !== "\n" && (inClass || text[end] !== "/")) {
    if (text[end] === "[") inClass = true;
    else if (text[end] === "]") inClass = false;
    end += text[end] === "\\" ? 2 : 1;
  }
  return end + 1;
}

/** The end of what was written last, without the spaces: enough to tell a division from a regular expression. */
function lastWords(out) {
  let tail = "";
  for (let index = out.length - 1; 0 <= index && tail.trimEnd().length < 12; index -= 1)
    tail = out[index] + tail;
  return tail.trimEnd();
}
