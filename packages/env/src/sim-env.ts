/** The simulated world, from one seed. */

import type { Env, ReportEvent } from "./env.ts";
import { SimClock } from "./sim-clock.ts";
import { SimFiles } from "./sim-files.ts";
import { SimNetwork } from "./sim-network.ts";
import { SimProcesses } from "./sim-processes.ts";
import { Prng } from "./sim-random.ts";

/** An Env, and the hands that move its world. */
export interface SimEnv extends Env {
  readonly clock: SimClock;
  readonly random: Prng;
  readonly network: SimNetwork;
  /** Crashes, faults, capacity and damage of the disk under `files`. */
  readonly disk: SimFiles;
  /** All that was reported, in order. */
  readonly reports: readonly ReportEvent[];
  /** An Env over the same world for one run of a program: its files die at the next crash, and it is a process. */
  boot(): Env;
  /** A process that `boot` made ends, and the machine goes on. */
  end(ended: Env): void;
  /** Virtual time moves on; see SimClock. */
  advance(ms: number): Promise<void>;
  /** The machine stops at once; see SimFiles. `files` of the SimEnv itself works on. */
  crash(): void;
}

/** A simulated world. Equal seeds and equal calls give equal runs. */
export function createSimEnv(seed: number): SimEnv {
  const clock = new SimClock();
  const random = new Prng(seed);
  const network = new SimNetwork();
  // A stream of its own: how often a program asks for randomness does not move what a crash leaves.
  const disk = new SimFiles(new Prng(seed + 1));
  const processes = new SimProcesses();
  const reports: ReportEvent[] = [];
  const report = (event: ReportEvent): void => {
    reports.push(event);
  };
  return {
    clock,
    random,
    network,
    disk,
    reports,
    report,
    get files() {
      return disk.view();
    },
    processes: processes.start(),
    boot: () => ({ clock, random, network, report, files: disk.view(), processes: processes.start() }),
    end: (ended) => processes.end(ended.processes.self),
    advance: (ms) => clock.advance(ms),
    crash: () => {
      processes.crash();
      disk.crash();
    },
  };
}
