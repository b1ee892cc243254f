/** A writer process, and what it said was acknowledged. */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { EpsilonError, must } from "@epsilon/model";
import type { WriterSettings } from "./writer-main.ts";

const script = fileURLToPath(new URL("writer-main.js", import.meta.url));

export class Writer {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #said: string[] = [];
  readonly #waiting = new Set<() => void>();
  /** Ranges of numbers that were acknowledged. */
  readonly acknowledged: (readonly [from: number, to: number])[] = [];
  /** Whether it was killed, or told to end: then it may. */
  #mayEnd = false;
  /** Codes of pushes that were not. */
  readonly refusals: string[] = [];

  /** `nodeFlags` go to Node itself. */
  constructor(settings: WriterSettings, nodeFlags: readonly string[] = []) {
    const child = spawn(process.execPath, [...nodeFlags, script], {
      env: { ...process.env, EPSILON_LAB_WRITER: JSON.stringify(settings) },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child = child;
    // Whoever was killed reads nothing more.
    must(child.stdin).on("error", () => undefined);
    const lines = createInterface({ input: must(child.stdout) });
    lines.on("line", (line) => this.#hear(line));
    this.#ended = new Promise((resolve) => lines.once("close", () => resolve()));
    lines.once("close", () => this.#wake());
  }

  /** Settles when so many pushes were acknowledged, or it has ended. */
  async untilAcknowledged(count: number): Promise<void> {
    await this.#until(() => this.acknowledged.length >= count || this.#said.includes("pushed"));
  }

  /** Settles when it has pushed everything. */
  async untilPushed(): Promise<void> {
    await this.#until(() => this.#said.includes("pushed"));
  }

  /** It pushes no more; settles when the last push is through. What is in the spool goes on being sent. */
  async stop(): Promise<void> {
    this.#child.stdin?.write("stop\n");
    await this.untilPushed();
  }

  /** Ends it in an orderly way. */
  async end(): Promise<void> {
    this.#mayEnd = true;
    this.#child.stdin?.write("end\n");
    await this.#ended;
  }

  async kill(): Promise<void> {
    this.#mayEnd = true;
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  #hear(line: string): void {
    const [word, from, to, code] = line.split(" ");
    if (word === "ack") this.acknowledged.push([Number(from), Number(to)]);
    if (word === "not" && code !== undefined) this.refusals.push(code);
    this.#said.push(line);
    this.#wake();
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  async #until(isSo: () => boolean): Promise<void> {
    const isOver = (): boolean => isSo() || this.#child.exitCode !== null || this.#child.signalCode !== null;
    if (isOver()) return;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!isOver()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
    if (!isSo() && !this.#mayEnd)
      throw new EpsilonError("internal", `the writer ended by itself, with ${this.#child.exitCode}`);
  }
}
