/** The processes of a simulated machine. */

import type { Processes, ProcessIdentity } from "./env.ts";

export class SimProcesses {
  readonly #alive = new Set<string>();
  #boot = 1;
  #pid = 1;

  /** A new process. Numbers come again, as on a real machine. */
  start(): Processes {
    this.#pid = 1 + (this.#pid % 7);
    const self: ProcessIdentity = {
      pid: this.#pid,
      started: String(this.#nextStart()),
      boot: String(this.#boot),
    };
    this.#alive.add(JSON.stringify(self));
    return {
      self,
      hostName: "machine",
      isAlive: async ({ pid, started, boot }) => this.#alive.has(JSON.stringify({ pid, started, boot })),
    };
  }

  /** A process ends, in whatever way. */
  end(identity: ProcessIdentity): void {
    this.#alive.delete(JSON.stringify(identity));
  }

  /** All end at once, and the machine starts again. */
  crash(): void {
    this.#alive.clear();
    this.#boot += 1;
  }

  #starts = 0;
  #nextStart(): number {
    this.#starts += 1;
    return this.#starts;
  }
}
