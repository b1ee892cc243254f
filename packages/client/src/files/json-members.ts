/**
 * Members of a JSON object as spans of its text, so that one can be taken out or put differently while all the others
 * stay as they were written: numbers that a double cannot hold, members that stand there twice.
 */

export interface MemberSpan {
  /** The member's name, unescaped. */
  readonly name: string;
  /** The member with its name: `"a": 1`. */
  readonly text: string;
  /** The value alone: `1`. */
  readonly value: string;
}

/** The members of an object's text, in order, the doubled ones too. The text must be valid JSON and an object. */
export function membersOf(json: string): MemberSpan[] {
  const members: MemberSpan[] = [];
  let at = json.indexOf("{") + 1;
  for (;;) {
    at = skipSpace(json, at);
    if (json[at] === ",") at = skipSpace(json, at + 1);
    if (json[at] !== '"') return members;
    const start = at;
    at = endOfText(json, at);
    const name = JSON.parse(json.slice(start, at)) as string;
    const valueStart = skipSpace(json, json.indexOf(":", at) + 1);
    at = endOfValue(json, valueStart);
    members.push({ name, text: json.slice(start, at), value: json.slice(valueStart, at) });
  }
}

/** The object's text of these members. */
export function joinMembers(members: readonly { readonly text: string }[]): string {
  return `{${members.map(({ text }) => text).join(",")}}`;
}

/**
 * The object's text after `change` saw the member at a path such as `a.b` (of nested objects, or a name with a dot): it
 * answers the member's new value as JSON, or null to take it out.
 */
export function changeMember(json: string, path: string, change: (value: string) => string | null): string {
  const changed: { text: string }[] = [];
  for (const member of membersOf(json)) {
    if (member.name === path) {
      const value = change(member.value);
      if (value !== null) changed.push({ text: `${JSON.stringify(member.name)}:${value}` });
    } else if (path.startsWith(`${member.name}.`) && member.value.startsWith("{")) {
      const rest = path.slice(member.name.length + 1);
      changed.push({
        text: `${JSON.stringify(member.name)}:${changeMember(member.value, rest, change)}`,
      });
    } else changed.push(member);
  }
  return joinMembers(changed);
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (at < json.length && json.charCodeAt(at) <= 0x20) at += 1;
  return at;
}

/** Behind the closing quote of the text that begins at `from`. */
function endOfText(json: string, from: number): number {
  let at = from + 1;
  while (at < json.length) {
    const code = json.charCodeAt(at);
    if (code === 0x5c) at += 2;
    else if (code === 0x22) return at + 1;
    else at += 1;
  }
  return at;
}

function endOfValue(json: string, from: number): number {
  if (json[from] === '"') return endOfText(json, from);
  let depth = 0;
  let at = from;
  while (at < json.length) {
    const character = json[at];
    if (character === '"') {
      at = endOfText(json, at);
      continue;
    }
    if (character === "{" || character === "[") depth += 1;
    else if (character === "}" || character === "]") {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (character === "," || json.charCodeAt(at) <= 0x20)) return at;
    at += 1;
  }
  return at;
}
