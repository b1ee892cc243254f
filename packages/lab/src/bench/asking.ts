/** Asks an instance, as a user would: over HTTP, in the query language. */

import { EpsilonError } from "@epsilon/model";

/** The part of an answer that benchmarks look at. */
export interface Asked {
  readonly summary?: readonly Readonly<Record<string, unknown>>[];
  readonly series?: readonly Readonly<Record<string, unknown>>[];
  readonly events?: readonly Readonly<Record<string, unknown>>[];
}

/** The answer to a query. Rejects with `internal` and the answer's text if it is refused. */
export async function ask(origin: string, collection: string, text: string): Promise<Asked> {
  const response = await fetch(`${origin}/v1/collections/${collection}/query?q=${encodeURIComponent(text)}`);
  const body = await response.text();
  if (response.status !== 200) throw new EpsilonError("internal", `${text}: ${response.status} ${body}`);
  return JSON.parse(body);
}

/** How many events a collection holds, of all that was acknowledged until now. */
export async function askCount(origin: string, collection: string): Promise<number> {
  const { summary } = await ask(origin, collection, "SELECT count");
  return Number(summary?.[0]?.["count"] ?? 0);
}
