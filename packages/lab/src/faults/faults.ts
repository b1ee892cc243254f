/** Runs scenarios one after another on one cluster, and looks after each whether all is as it must be. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { seededUnit } from "../drill/writers.ts";
import { Cluster } from "./cluster.ts";
import { nameOfCollection } from "./scenarios.ts";
import type { Scenario, Story } from "./story.ts";
import { findWrong } from "./verify.ts";

export interface FaultsOptions {
  /** An empty folder. */
  readonly directory: string;
  readonly seed: number;
  readonly scenarios: readonly Scenario[];
  readonly outageMs: number;
  readonly onResult?: (result: FaultResult) => void;
}

export interface FaultResult {
  readonly name: string;
  /** What was done, in order. */
  readonly schedule: readonly string[];
  readonly acknowledged: number;
  readonly elapsedMs: number;
  /** Nothing if all is well. */
  readonly wrong: readonly string[];
}

export async function runFaults(options: FaultsOptions): Promise<readonly FaultResult[]> {
  const { directory, seed, scenarios, outageMs, onResult } = options;
  await using cluster = await Cluster.start(directory, seededUnit(seed));
  const results: FaultResult[] = [];
  for (const [index, scenario] of scenarios.entries()) {
    const schedule: string[] = [];
    const own = join(directory, `scenario-${index}`);
    await mkdir(own, { recursive: true });
    const collection = nameOfCollection(index);
    const startMs = performance.now();
    const run = scenario.run({
      cluster,
      directory: own,
      collection,
      // Each has its own, so that one alone does the same as among the others.
      unit: seededUnit(seed + hashOf(scenario.name)),
      outageMs,
      note: (what) => schedule.push(what),
    });
    // One that breaks off is a finding like any other: the next ones are run all the same.
    const {
      acknowledged,
      incomplete = [],
      wrong = [],
    } = await run.catch(
      (error: unknown): Story => ({ acknowledged: [], wrong: [`it broke off: ${String(error)}`] }),
    );
    const total = acknowledged.reduce((sum, [from, to]) => sum + to - from, 0);
    const none = total === 0 && wrong.length === 0 ? ["nothing was acknowledged"] : [];
    await cluster.heal();
    const compared = cluster.nodes.filter(({ name }) => !incomplete.includes(name));
    const result = {
      name: scenario.name,
      schedule,
      acknowledged: total,
      elapsedMs: performance.now() - startMs,
      wrong: [...wrong, ...none, ...(await findWrong(compared, collection, acknowledged))],
    };
    onResult?.(result);
    results.push(result);
  }
  return results;
}

/** A number of a name's own. */
function hashOf(name: string): number {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 1_000_003;
  return sum;
}
