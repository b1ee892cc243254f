/** The shapes of JSON that a query object is made of; each refusal names its place. */

import { EpsilonError } from "@epsilon/model";
import { badQuery } from "../normal-form.ts";

/** An object that has no other keys than these. Throws `bad_query`. */
export function objectOf(
  value: unknown,
  path: string,
  keys: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw badQuery(`${path} is an object, not ${described(value)}`);
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    throw badQuery(`${path} has no ${JSON.stringify(unknown.slice(0, 100))}: there are ${keys.join(", ")}`);
  }
  return value as Readonly<Record<string, unknown>>;
}

/** A text. Throws `bad_query`. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  throw badQuery(`expected a text, not ${described(value)}`);
}

/** `null` is as good as absent. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** Does work whose errors name the place, unless they name one within it already. */
export function at<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof EpsilonError)) throw error;
    const named = error.message.startsWith(path) && /^[:. []/.test(error.message.slice(path.length));
    if (named) throw error;
    throw new EpsilonError("bad_query", `${path}: ${error.message}`, {
      details: error.details,
      cause: error,
    });
  }
}

/** What was given instead; not `JSON.stringify`, which has values of its own that it throws at. */
export function described(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") return JSON.stringify(value.slice(0, 50));
  if (value === null || typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
