/**
 * The events of a request as what a spool keeps: lines that carry `_ts` and `_id`. They are checked and named by the code
 * that an instance uses, so that a request means the same here and there; see docs/formats/load-line.md for what that gives.
 */

import type { Chunk } from "@epsilon/client";
import type { Env } from "@epsilon/env";
import { assert, formatTimestamp } from "@epsilon/model";
import { type Prepared, prepareInSlices } from "@epsilon/store/prepare";

const chunkEventsMax = 1000;
const chunkBytesMax = 256 * 1024;

/** Checks and names the events of a body. Throws what an instance answers to the body as a whole. */
export async function nameBody(
  env: Env,
  body: Uint8Array,
  { appendOnly }: { readonly appendOnly: boolean },
): Promise<Prepared> {
  const slices = prepareInSlices(body, {
    nowMicros: env.clock.nowMicros(),
    random: (count) => env.random.bytes(count),
    appendOnly,
    named: false,
    // Only an instance knows what it has purged.
    horizonMicros: null,
    hashesIds: false,
  });
  for (;;) {
    const step = slices.next();
    if (step.done === true) return step.value;
    // A large body must not keep others from being served.
    await env.clock.sleep(0);
  }
}

/** Load lines as chunks of events that can be sent. */
export function chunksOfLoadLines(lines: Uint8Array): readonly Chunk[] {
  // One character a byte: only ASCII is looked at, and whatever else there is stays as it was.
  const text = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength).toString("latin1");
  const chunks: Chunk[] = [];
  let events: string[] = [];
  let bytes = 0;
  const end = (): void => {
    if (events.length > 0)
      chunks.push({ lines: Buffer.from(events.join(""), "latin1"), events: events.length });
    events = [];
    bytes = 0;
  };
  for (let from = 0; from < text.length; ) {
    const to = text.indexOf("\n", from);
    assert(to !== -1, "a load line ends in a newline");
    const event = eventOfLoadLine(text.slice(from, to));
    if (events.length >= chunkEventsMax || (events.length > 0 && bytes + event.length > chunkBytesMax)) end();
    events.push(event);
    bytes += event.length;
    from = to + 1;
  }
  end();
  return chunks;
}

const timeName = '"_ts":';

/** `_ts` is a number of microseconds there, and its own hash stands at the end. */
function eventOfLoadLine(line: string): string {
  // A quote inside a text is escaped, so these find the members and nothing else.
  const at = line.indexOf(timeName) + timeName.length;
  const rest = line.slice(at);
  const digits = /^-?\d+/.exec(rest)?.[0];
  const hashAt = rest.lastIndexOf(',"_h":');
  assert(at >= timeName.length && digits !== undefined && hashAt !== -1, "a load line has a _ts and a hash");
  return `${line.slice(0, at)}"${formatTimestamp(BigInt(digits))}"${rest.slice(digits.length, hashAt)}}\n`;
}
