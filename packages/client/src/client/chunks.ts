/** Named events as the chunks that a spool keeps and loops send: small enough to be joined to batches of any size. */

const chunkEventsMax = 1000;
/** In UTF-16 units; at most three times as many bytes. */
const chunkCharsMax = 256 * 1024;

const encoder = new TextEncoder();

export interface Chunk {
  readonly lines: Uint8Array;
  readonly events: number;
}

/** Cuts in order; an event that is larger than a chunk is one of its own. */
export function chunksOf(events: readonly { readonly json: string }[]): readonly Chunk[] {
  const chunks: Chunk[] = [];
  let lines = "";
  let count = 0;
  const end = (): void => {
    if (count > 0) chunks.push({ lines: encoder.encode(lines), events: count });
    lines = "";
    count = 0;
  };
  for (const { json } of events) {
    if (count >= chunkEventsMax || (count > 0 && lines.length + json.length > chunkCharsMax)) end();
    lines += `${json}\n`;
    count += 1;
  }
  end();
  return chunks;
}
