/** Writes: named, into the spool, and answered when as many instances have them as was asked for. */

import { type Acknowledgement, acknowledgements, type Chunk, type PushOptions } from "@epsilon/client";
import { EpsilonError, formatTimestamp, parseDuration, parseKey } from "@epsilon/model";
import {
  allows,
  collectionOf,
  hasClaim,
  parseObject,
  queryParameters,
  readBody,
  readJson,
  sendJson,
  signalOfClose,
} from "@epsilon/server";
import type { RelayContext, RelayHandler } from "./context.ts";
import { chunksOfLoadLines, nameBody } from "./named-lines.ts";

type Ack = "spool" | Acknowledgement;
type Request = Parameters<RelayHandler>[1];

const timeoutMsDefault = 30_000;
const timeoutMsMax = 600_000;

/** `POST /v1/collections/{c}/events?ack=…&timeout=…`. */
export const writeEvents: RelayHandler = async (context, request, reply) => {
  const { env, limits, budget, zstd } = context;
  const collection = collectionOf(request);
  const { ack, timeoutMs } = parseAck(request);
  if (hasClaim(request.headers)) {
    throw new EpsilonError(
      "relay_takes_no_cursor",
      "a relay keeps its own cursors: send the events without Epsilon-Source, or send them to the instances themselves",
    );
  }
  const appendOnly = request.access === null || !allows(request.access, "write", collection);
  const body = await readBody(request.raw, { bytesMax: limits.bodyBytesMax, budget, zstd });
  try {
    if (body.bytes.length === 0) {
      throw new EpsilonError("empty_body", "there is no event in the body: send JSON objects, or an array");
    }
    const { received, rejected, lines } = await nameBody(env, body.bytes, { appendOnly });
    const chunks = chunksOfLoadLines(lines);
    await append(context, chunks, { collection, ack, timeoutMs, signal: signalOfClose(reply) });
    const value = {
      received,
      // Known to the instances alone.
      stored: null,
      duplicates: null,
      rejected,
      conflicts: [],
      cursor: null,
      snapshotted: null,
      ack,
    };
    const isRefused = 0 < received && rejected.length === received;
    return sendJson(context, reply, { status: isRefused ? 422 : 200, value });
  } finally {
    body.release();
  }
};

/** `POST /v1/collections/{c}/delete`: tombstones, which travel as events do. */
export const deleteEvents: RelayHandler = async (context, request, reply) => {
  const collection = collectionOf(request);
  const { ack, timeoutMs } = parseAck(request);
  const value = await readJson(context, request, context.limits.bodyBytesMax);
  const { keys, filter } = parseObject(value, ["keys", "filter"]);
  if (filter !== undefined) {
    throw new EpsilonError(
      "not_implemented",
      "a delete by filter goes to the instances, because they have to agree on what matches: epsilon delete FILTER --from …",
    );
  }
  const lines = tombstonesOf(context, keys);
  const chunks = chunksOfLines(lines);
  await append(context, chunks, { collection, ack, timeoutMs, signal: signalOfClose(reply) });
  // How many of them there were is known to the instances alone.
  return sendJson(context, reply, { value: { deleted: null, received: lines.length, ack } });
};

async function append(
  { client, onFatal }: RelayContext,
  chunks: readonly Chunk[],
  options: PushOptions,
): Promise<void> {
  try {
    await client.append(chunks, options);
  } catch (error) {
    // After a failed sync nothing that is in memory may be trusted: the process ends, and recovers from its disk.
    if (error instanceof EpsilonError && error.code === "store_failed") onFatal(error);
    throw error;
  }
}

function tombstonesOf({ limits }: RelayContext, keys: unknown): readonly string[] {
  if (!Array.isArray(keys)) throw new EpsilonError("bad_request", '"keys" is a list of {"_ts","_id"}');
  if (limits.deleteKeysMax < keys.length) {
    throw new EpsilonError(
      "too_many_events",
      `${keys.length} keys: ${limits.deleteKeysMax} at most in one request, so send several`,
    );
  }
  return keys.map((key: unknown) => {
    const { tsMicros, id } = parseKey(key);
    return `{"_ts":"${formatTimestamp(tsMicros)}","_id":"${id}","_deleted":true}\n`;
  });
}

function chunksOfLines(lines: readonly string[]): { readonly lines: Uint8Array; readonly events: number }[] {
  const chunks = [];
  for (let from = 0; from < lines.length; from += 1000) {
    const some = lines.slice(from, from + 1000);
    chunks.push({ lines: Buffer.from(some.join("")), events: some.length });
  }
  return chunks;
}

function parseAck(request: Request): { readonly ack: Ack; readonly timeoutMs: number } {
  // An instance's own `wait` says nothing here: what counts is `ack`.
  const { ack = "spool", timeout, wait } = queryParameters(request, ["ack", "timeout", "wait", "token"]);
  const known: readonly string[] = ["spool", ...acknowledgements];
  if (!known.includes(ack)) {
    throw new EpsilonError("bad_request", `ack is ${JSON.stringify(ack.slice(0, 100))}: ${known.join(", ")}`);
  }
  if (wait !== undefined && wait !== "durable" && wait !== "applied") {
    throw new EpsilonError(
      "bad_request",
      `wait is ${JSON.stringify(wait.slice(0, 100))}: durable or applied`,
    );
  }
  const timeoutMs = timeout === undefined ? timeoutMsDefault : parseDuration(timeout);
  if (timeoutMs <= 0 || timeoutMsMax < timeoutMs) {
    throw new EpsilonError("bad_request", `timeout is more than 0 and at most ${timeoutMsMax / 1000}s`);
  }
  return { ack: ack as Ack, timeoutMs };
}
