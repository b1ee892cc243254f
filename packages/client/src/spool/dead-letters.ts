/**
 * The events that an instance refused, each with its reason, in a file of their own: `dead-letters.ndjson` in the
 * spool's part. The stream goes on without them; a person looks at them.
 */

import type { Env } from "@epsilon/env";
import { formatCursor, formatTimestamp } from "@epsilon/model";
import type { RejectedBySource } from "../loop/rejected.ts";

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
