/** What must be so after every fault: each acknowledged event exactly once on every instance, and all of them the same. */

import { setTimeout as sleep } from "node:timers/promises";
import { addDigests, type Digest, emptyDigest, equalDigests, must } from "@epsilon/model";
import { digestOfLine, eventLines } from "../demo/collection-digest.ts";
import type { Node } from "./cluster.ts";

/** Where an instance answers. */
export type Place = Pick<Node, "name" | "origin">;

export type Ranges = readonly (readonly [from: number, to: number])[];

const waitMsMax = 90_000;
const lookEveryMs = 100;

/**
 * Waits until all instances hold what was acknowledged, and the same; answers what is wrong, nothing if all is well.
 */
export async function findWrong(
  nodes: readonly Place[],
  collection: string,
  acknowledged: Ranges,
  limitMs = waitMsMax,
): Promise<readonly string[]> {
  const startMs = performance.now();
  for (;;) {
    const wrong = await lookOnce(nodes, collection, acknowledged);
    if (wrong.length === 0 || performance.now() - startMs > limitMs) return wrong;
    await sleep(lookEveryMs);
  }
}

async function lookOnce(
  nodes: readonly Place[],
  collection: string,
  acknowledged: Ranges,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  const digests: Digest[] = [];
  for (const { name, origin } of nodes) {
    const counts = new Map<number, number>();
    let digest = emptyDigest;
    for await (const line of eventLines(origin, collection)) {
      const { n } = JSON.parse(line) as { readonly n: number };
      counts.set(n, (counts.get(n) ?? 0) + 1);
      digest = addDigests(digest, digestOfLine(line));
    }
    for (const [n, count] of counts)
      if (count !== 1) wrong.push(`${name}: event ${n} is there ${count} times`);
    for (const [from, to] of acknowledged)
      for (let n = from; n < to; n += 1)
        if (!counts.has(n)) wrong.push(`${name}: event ${n} was acknowledged and is not there`);
    digests.push(digest);
  }
  const [first, ...others] = digests;
  for (const [index, digest] of others.entries())
    if (!equalDigests(digest, must(first)))
      wrong.push(
        `${must(nodes[index + 1]).name} holds ${digest.count} events, ${must(nodes[0]).name} ${must(first).count}, and they differ`,
      );
  return wrong;
}

/** The gaps that an instance has recorded in a collection. */
export async function gapsOn(node: Node, collection: string): Promise<readonly unknown[]> {
  const response = await fetch(`${node.origin}/v1/collections/${collection}/sources`);
  const { sources } = (await response.json()) as {
    readonly sources?: readonly { readonly streams: readonly { readonly gaps: readonly unknown[] }[] }[];
  };
  return (sources ?? []).flatMap(({ streams }) => streams.flatMap(({ gaps }) => gaps));
}
