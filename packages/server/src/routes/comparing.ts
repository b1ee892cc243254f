/** `POST …/digest`, `…/keys` and `…/fetch`: what two instances are compared and repaired by. */

import { EpsilonError, type EventKey, formatTimestamp, parseKey } from "@epsilon/model";
import type { DigestPart, KeyRange } from "@epsilon/store";
import type { Handler } from "../context.ts";
import { sendJson } from "../http/answer.ts";
import { parseKeys } from "../http/keys.ts";
import { collectionOf, parseObject, queryParameters, readJson } from "../http/parameters.ts";
import { sendLines, signalOfClose } from "./events.ts";

const rangesMax = 10_000;
const splitMax = 1_000;
const splitDefault = 16;
const boundsMax = 100_000;
/** Parts in one answer. */
const partsMax = 100_000;

/** Digests of key ranges, each in parts of about equal count, or cut where the request says. */
export const readDigests: Handler = async (context, request, reply) => {
  const collection = collectionOf(request);
  queryParameters(request, []);
  const value = await readJson(context, request, context.limits.bodyBytesMax);
  const { ranges, split, bounds } = parseObject(value, ["ranges", "split", "bounds"]);
  if (split !== undefined && bounds !== undefined) {
    throw new EpsilonError("bad_request", 'give "split" or "bounds", not both');
  }
  const asked = {
    ranges:
      ranges === undefined
        ? [{ from: null, to: null }]
        : parseList("ranges", ranges, rangesMax).map(parseRange),
    split: parseSplit(split),
    ...(bounds === undefined ? {} : { bounds: parseList("bounds", bounds, boundsMax).map(parseKey) }),
  };
  if (asked.ranges.length * asked.split > partsMax) {
    throw new EpsilonError(
      "bad_request",
      `${asked.ranges.length} ranges in ${asked.split} parts each: ${partsMax} parts at most, so ask for less at once`,
    );
  }
  const options = { signal: signalOfClose(reply), deadlineMs: context.limits.queryMsMax };
  const found = await context.store.comparing.digests(collection, asked, options);
  return sendJson(context, reply, { value: { ranges: found.map((parts) => parts.map(describePart)) } });
};

/** Keys and versions in a range, streamed in key order. */
export const readKeys: Handler = async (context, request, reply) => {
  const collection = collectionOf(request);
  queryParameters(request, []);
  const range = parseRange(await readJson(context, request, context.limits.bodyBytesMax));
  const chunks = await context.store.comparing.keys(collection, range, { signal: signalOfClose(reply) });
  return sendLines(context, request, { reply, chunks });
};

/** The events and tombstones of the keys asked for, ready to be written to another instance. */
export const fetchEvents: Handler = async (context, request, reply) => {
  const collection = collectionOf(request);
  queryParameters(request, []);
  const value = await readJson(context, request, context.limits.bodyBytesMax);
  const keys = parseKeys(parseObject(value, ["keys"]).keys, context.limits.deleteKeysMax);
  const chunks = await context.store.comparing.eventsOf(collection, keys, { signal: signalOfClose(reply) });
  return sendLines(context, request, { reply, chunks });
};

function describePart({ from, to, count, digest }: DigestPart): unknown {
  return { from: describeKey(from), to: describeKey(to), count, digest };
}

function describeKey(key: EventKey | null): unknown {
  return key === null ? null : { _ts: formatTimestamp(key.tsMicros), _id: key.id };
}

function parseRange(value: unknown): KeyRange {
  const { from = null, to = null } = parseObject(value, ["from", "to"]);
  return { from: from === null ? null : parseKey(from), to: to === null ? null : parseKey(to) };
}

function parseSplit(value: unknown): number {
  if (value === undefined) return splitDefault;
  if (typeof value === "number" && Number.isInteger(value) && 1 <= value && value <= splitMax) return value;
  throw new EpsilonError("bad_request", `"split" is an integer from 1 to ${splitMax}`);
}

function parseList(name: string, value: unknown, lengthMax: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new EpsilonError("bad_request", `"${name}" is a list`);
  if (value.length <= lengthMax) return value;
  throw new EpsilonError("bad_request", `${value.length} ${name}: ${lengthMax} at most in one request`);
}
