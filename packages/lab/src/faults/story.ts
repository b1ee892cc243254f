/** What the scenarios are told with: a writer beside which something happens, and waiting until all is where it belongs. */

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Unit } from "../drill/writers.ts";
import type { Cluster } from "./cluster.ts";
import type { Ranges } from "./verify.ts";
import { Writer } from "./writer.ts";
import type { WriterSettings } from "./writer-main.ts";

export interface World {
  readonly cluster: Cluster;
  /** A folder for this scenario alone. */
  readonly directory: string;
  readonly collection: string;
  readonly unit: Unit;
  /** How long an outage takes, milliseconds. */
  readonly outageMs: number;
  /** Tells what is done, for the schedule that is printed. */
  readonly note: (what: string) => void;
}

export interface Story {
  readonly acknowledged: Ranges;
  /** Instances that lack for good what no source has any more: they have a gap recorded, and are not compared. */
  readonly incomplete?: readonly string[];
  readonly wrong?: readonly string[];
}

export interface Scenario {
  readonly name: string;
  readonly run: (world: World) => Promise<Story>;
}

/** A writer that pushes 20 events every 20 ms. */
export function settingsOf(world: World, more: Partial<WriterSettings> = {}): WriterSettings {
  return {
    urls: world.cluster.urls,
    collection: world.collection,
    spool: join(world.directory, "spool"),
    ack: "spool",
    from: 0,
    batch: 20,
    pauseMs: 20,
    pushes: 100,
    ...more,
  };
}

/** Writes while something happens; the writer goes on until everything is where it belongs. */
export async function whileWriting(
  world: World,
  happen: (writer: Writer) => Promise<void>,
  more: Partial<WriterSettings> = {},
): Promise<Story> {
  const writer = new Writer(settingsOf(world, { pushes: Number.MAX_SAFE_INTEGER, ...more }));
  try {
    await writer.untilAcknowledged(3);
    await happen(writer);
    await world.cluster.heal();
    const count = writer.acknowledged.length;
    await writer.untilAcknowledged(count + 3);
    await writer.stop();
    await settled(world, writer.acknowledged);
    return { acknowledged: writer.acknowledged };
  } finally {
    await writer.end();
  }
}

/** Waits until every instance has the last of what was acknowledged, as long as there is a writer to send it. */
export async function settled({ cluster, collection }: World, acknowledged: Ranges): Promise<void> {
  const last = Math.max(-1, ...acknowledged.map(([, to]) => to - 1));
  const total = acknowledged.reduce((sum, [from, to]) => sum + to - from, 0);
  const startMs = performance.now();
  for (const { origin } of cluster.nodes)
    for (;;) {
      const url = `${origin}/v1/collections/${collection}/query?q=${encodeURIComponent("SELECT count, max(n)")}`;
      const answer = (await (await fetch(url)).json()) as { summary?: { count: number; "max(n)": number }[] };
      const [row] = answer.summary ?? [];
      if (row !== undefined && row.count >= total && row["max(n)"] >= last) break;
      if (performance.now() - startMs > 90_000) return;
      await sleep(50);
    }
}

/** Whether a body was posted and taken; false where nobody answers. */
export async function isPosted(url: string, body: string): Promise<boolean> {
  try {
    const response = await fetch(url, { method: "POST", body });
    await response.arrayBuffer();
    return response.ok;
  } catch (error) {
    // `fetch` rejects with a TypeError while nobody answers.
    if (error instanceof TypeError) return false;
    throw error;
  }
}
