/**
 * Events as a program gives them, named once and for all: with `_ts` and `_id` they are the same events wherever they are
 * sent, in whatever batches, and how often.
 */

import type { Env } from "@epsilon/env";
import {
  EpsilonError,
  eventOf,
  eventToJson,
  JsonObject,
  limits,
  parseStrictJson,
  randomUuid,
  type Sha256,
  utf8Bytes,
} from "@epsilon/model";

import { namePlain } from "./name-plain.ts";

/** What a program may write: values of JSON, and dates for times. Nested objects become fields with dots. */
export type EventInput = Readonly<Record<string, unknown>>;

export interface NamedEvent {
  readonly id: string;
  /** A line without its newline. */
  readonly json: string;
}

/**
 * Names the events of one call: without an id or a key each is a new one. Throws what an instance would reject the event
 * with, and its `index` in the details.
 */
export function nameEvents(env: Env, events: readonly EventInput[], hash: Sha256): readonly NamedEvent[] {
  return events.map((event, index) => {
    try {
      return nameEvent(env, event, hash);
    } catch (error) {
      if (!(error instanceof EpsilonError)) throw error;
      throw new EpsilonError(error.code, `event ${index}: ${error.message}; nothing was written`, {
        details: { ...error.details, index },
        cause: error,
      });
    }
  });
}

/** Names a single event: without an id or a key it is a new one, and its id is random. */
export function nameEvent(env: Env, event: EventInput, hash: Sha256): NamedEvent {
  // A program in JavaScript may give anything.
  const given: unknown = event;
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new EpsilonError("not_an_object", "an event is an object");
  const plain = namePlain(
    event,
    () => env.clock.nowMicros(),
    () => randomUuid(env.random.bytes(16)),
  );
  return plain ?? nameCarefully(env, event, hash);
}

/** The same for any event. Throws what an instance would reject it with. */
export function nameCarefully(env: Env, event: EventInput, hash: Sha256): NamedEvent {
  const isNamed = isGiven(event["_id"]) || isGiven(event["_key"]);
  const random = { ...event, _id: randomUuid(env.random.bytes(16)) };
  // Without a time it gets that of arrival and a random id anyway.
  const named = isNamed || !isGiven(event["_ts"]) ? event : random;
  const node = parseStrictJson(jsonOf(named));
  if (!(node instanceof JsonObject)) throw new EpsilonError("not_an_object", "an event is an object");
  const whole = eventOf(node, {
    nowMicros: env.clock.nowMicros(),
    random: (count) => env.random.bytes(count),
    named: false,
    appendOnly: false,
    ordinal: () => 0,
    sha256: hash,
  });
  const json = eventToJson(whole);
  if (json.length * 3 > limits.eventBytesMax && utf8Bytes(json).length > limits.eventBytesMax)
    throw new EpsilonError("event_too_large", `an event has at most ${limits.eventBytesMax} bytes`);
  return { id: whole.id, json };
}

/** JSON has no form for NaN and infinity, and would make them null: that loses something, so it is refused. */
function jsonOf(event: EventInput): string {
  const text: string | undefined = JSON.stringify(event, (name, value: unknown) => {
    if (typeof value === "number" && !Number.isFinite(value))
      throw new EpsilonError(
        "bad_number",
        `${JSON.stringify(name)} is ${value}; leave it out, or send a text`,
      );
    if (typeof value === "bigint")
      throw new EpsilonError("bad_number", `${JSON.stringify(name)} is a bigint; send a number or a text`);
    return value;
  });
  if (text === undefined) throw new EpsilonError("not_an_object", "an event is an object");
  return text;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
