/**
 * `kill -9`, again and again: writers push, the instance is killed at a random moment (sometimes while it is still starting),
 * the files it left are checked, it starts again, and every acknowledged event must be there exactly once, unchanged.
 *
 * The seed decides sizes and moments. Where exactly a kill lands is up to the machine, so a seed repeats the
 * plan of a failure, not the failure itself; the folder is kept if there was one.
 */

import { spawnSync } from "node:child_process";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { epsilonCommand, freePort, type RunningServer, spawnNode, startEpsilon } from "../bench/processes.ts";
import { Ledger, plainWriter, seededUnit, sourceWriter, type Unit, verify, type Writer } from "./writers.ts";

export interface DrillOptions {
  /** An empty folder to work in. */
  readonly directory: string;
  readonly seed: number;
  readonly kills: number;
  /** A life lasts up to so long before it is killed. */
  readonly lifeMsMax: number;
  /** Runs `epsilon check` and reads everything back after every so many kills, and at the end. */
  readonly verifyEvery: number;
  readonly onLife?: (line: string) => void;
}

export interface DrillResult {
  readonly sent: number;
  readonly acknowledged: number;
  readonly kills: number;
  /** Of those, how many while the instance was starting. */
  readonly killsWhileStarting: number;
  readonly startMsMax: number;
  /** Empty if all is well. */
  readonly findings: readonly string[];
}

const plainWriters = 3;
const sourceWriters = 2;
const killWhileStartingShare = 0.2;

/** Runs the drill; stops at the first life after which something is wrong. */
export async function drill(options: DrillOptions): Promise<DrillResult> {
  const unit = seededUnit(options.seed);
  const data = join(options.directory, "data");
  const ledger = new Ledger();
  const writers: Writer[] = [
    ...Array.from({ length: plainWriters }, () => plainWriter(ledger, unit)),
    ...Array.from({ length: sourceWriters }, (_, index) => sourceWriter(ledger, unit, `drill/${index}`)),
  ];
  let startMsMax = 0;
  let killsWhileStarting = 0;
  const port = await freePort();
  const result = (kills: number, findings: readonly string[]): DrillResult => ({
    sent: ledger.sentCount,
    acknowledged: ledger.acknowledgedCount,
    kills,
    killsWhileStarting,
    startMsMax,
    findings,
  });
  for (let kills = 1; kills <= options.kills; kills += 1) {
    // The first life must begin, or there is nothing to lose.
    if (1 < kills && unit() < killWhileStartingShare) {
      await killWhileStarting(data, unit);
      killsWhileStarting += 1;
    } else {
      const server = await startEpsilon(data, { port });
      startMsMax = Math.max(startMsMax, server.startMs);
      await liveAndDie(server, writers, 50 + unit() * options.lifeMsMax);
    }
    options.onLife?.(
      `kill ${kills}: ${ledger.acknowledgedCount} of ${ledger.sentCount} sent are acknowledged`,
    );
    if (kills % options.verifyEvery === 0 || kills === options.kills) {
      const findings = await inspect(data, ledger, port);
      if (0 < findings.length) return result(kills, findings);
    }
  }
  return result(options.kills, []);
}

async function liveAndDie(server: RunningServer, writers: readonly Writer[], lifeMs: number): Promise<void> {
  const writing = Promise.all(writers.map((writer) => writer.writeUntilGone(server.origin)));
  // A writer that fails an assertion ends the drill at once, and the instance with it.
  await Promise.race([sleep(lifeMs), writing]).catch(async (error: unknown) => {
    await server.kill();
    throw error;
  });
  await server.kill();
  await writing;
}

async function killWhileStarting(data: string, unit: Unit): Promise<void> {
  const port = await freePort();
  const child = spawnNode(
    [epsilonCommand, "serve", "--data", data, "--listen", `127.0.0.1:${port}`],
    `${data}.log`,
  );
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await sleep(unit() * 600);
  child.kill("SIGKILL");
  await ended;
}

/** `epsilon check` on a copy of what the kill left, as it lies there; then a start, and everything read back. */
async function inspect(data: string, ledger: Ledger, port: number): Promise<readonly string[]> {
  const copy = `${data}-copy`;
  await cp(data, copy, { recursive: true, force: true });
  const before = check(copy);
  await using server = await startEpsilon(data, { port });
  const findings = await verify(server.origin, ledger);
  await server.stop();
  return [...before, ...findings, ...check(data)];
}

function check(data: string): readonly string[] {
  const run = spawnSync(process.execPath, [epsilonCommand, "check", "--data", data], { encoding: "utf8" });
  return run.status === 0
    ? []
    : [`epsilon check --data ${data}: exit ${run.status}\n${run.stdout}${run.stderr}`];
}
