/**
 * A program that uses the client library, as a process of its own so that it can be killed. It pushes numbered events and prints
 * what was acknowledged, a line a push: `ack FROM TO`. `stop` on its stdin ends the pushing, `end` the process in an orderly way.
 */

import { createClient, type PushOptions } from "@epsilon/client";
import { EpsilonError } from "@epsilon/model";

export interface WriterSettings {
  readonly urls: readonly string[];
  readonly collection: string;
  readonly spool: string;
  readonly source?: string | undefined;
  readonly ack: NonNullable<PushOptions["ack"]>;
  /** The first number; each push brings `batch` of them. */
  readonly from: number;
  readonly batch: number;
  readonly pauseMs: number;
  /** How many pushes at most. */
  readonly pushes: number;
  /** Bytes of text in each event. */
  readonly textBytes?: number | undefined;
  readonly spoolBytesMax?: number | undefined;
  readonly timeoutMs?: number | undefined;
}

const settings = JSON.parse(process.env["EPSILON_LAB_WRITER"] ?? "") as WriterSettings;
const { urls, collection, spool, source, ack, batch, pauseMs, pushes, spoolBytesMax } = settings;
const { textBytes = 10, timeoutMs = 20_000 } = settings;
const client = createClient({
  instances: urls,
  collection,
  spool,
  ...(source === undefined ? {} : { source }),
  ...(spoolBytesMax === undefined ? {} : { spoolBytesMax }),
  onError: (error) => console.error(String(error)),
});
let isStopped = false;
let isOver = false;
// Whoever started it is gone: so is the reason to go on.
process.stdin.once("end", () => process.exit(1));
process.stdin.on("data", (said) => {
  isStopped = true;
  isOver ||= String(said).includes("end");
});
let next = settings.from;
const text = "x".repeat(textBytes);
for (let count = 0; count < pushes && !isStopped; count += 1) {
  const from = next;
  next += batch;
  const events = Array.from({ length: batch }, (_, index) => ({ n: from + index, text }));
  try {
    await client.push(events, { ack, timeoutMs });
    console.log(`ack ${from} ${next}`);
  } catch (error) {
    if (!(error instanceof EpsilonError)) throw error;
    console.log(`not ${from} ${next} ${error.code}`);
  }
  if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
}
console.log("pushed");
// What is left goes on being sent until somebody says that it is enough.
while (!isOver) await new Promise((resolve) => setTimeout(resolve, 20));
await client.close();
process.exit(0);
