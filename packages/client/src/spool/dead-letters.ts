/**
 * The events that an instance refused, each with its reason, in a file of their own: `dead-letters.ndjson` in the
 * spool's part. The stream goes on without them; a person looks at them.
 */

import type { Env } from "@epsilon/env";
import { formatCursor, formatTimestamp } from "@epsilon/model";
import { readFileBytes } from "../files/bytes.ts";
import type { RejectedBySource } from "../loop/rejected.ts";

/** A refused event, as it is kept. */
export interface DeadLetter {
  readonly at: string;
  readonly instance: string;
  readonly collection: string;
  readonly code: string;
  readonly message: string;
  readonly event: string;
}

/** The dead letters of a whole spool, part by part. Rejects with those of the file system. */
export async function readDeadLetters(env: Env, spool: string): Promise<readonly DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for (const collection of await env.files.list(`${spool}/collections`))
    for (const part of await env.files.list(`${spool}/collections/${collection}`)) {
      const path = `${spool}/collections/${collection}/${part}/dead-letters.ndjson`;
      if (!(await env.files.exists(path))) continue;
      for (const line of (await readText(env, path)).split("\n"))
        if (line !== "") letters.push(parse(line, path));
    }
  return letters;
}

function parse(line: string, path: string): DeadLetter {
  try {
    return JSON.parse(line) as DeadLetter;
  } catch {
    // A line that a crash cut off is a refused event all the same.
    return {
      at: "",
      instance: "",
      collection: "",
      code: "io_error",
      message: `cut off in ${path}`,
      event: line,
    };
  }
}

async function readText(env: Env, path: string): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of readFileBytes(env, path)) text += decoder.decode(bytes, { stream: true });
  return text + decoder.decode();
}

/** Appends a refused event, durably. The same one may come twice: an answer was lost, or another instance refused it too. */
export async function writeDeadLetter(
  env: Env,
  directory: string,
  rejected: RejectedBySource,
): Promise<void> {
  const { instance, source, collection, cursor, line, code, message } = rejected;
  const letter = {
    at: formatTimestamp(env.clock.nowMicros()),
    instance,
    source,
    collection,
    cursor: formatCursor(cursor),
    code,
    message,
    event: new TextDecoder().decode(line),
  };
  const path = `${directory}/dead-letters.ndjson`;
  const isThere = await env.files.exists(path);
  const file = await env.files.open(path, isThere ? "append" : "create");
  try {
    await file.append([new TextEncoder().encode(`${JSON.stringify(letter)}\n`)]);
    await file.sync();
  } finally {
    await file.close();
  }
  if (!isThere) await env.files.syncDirectory(directory);
}
