/** Objects in memory, with losses, refusals and damage at the test's command. */

import { EpsilonError, type ErrorCode } from "@epsilon/model";
import { assertObjectName, type Content, type ObjectInfo, type Objects } from "./objects.ts";

export type ObjectOperation = "put" | "get" | "sizeOf" | "list" | "remove";

/** What becomes of an operation: nothing, an error before it, an error after it, or success without effect. */
export type ObjectFault = "none" | "lost" | { readonly fail: ErrorCode; readonly after?: boolean };

export class MemoryObjects implements Objects {
  readonly url = "memory";
  readonly #kept = new Map<string, Uint8Array>();
  /** Asked before every operation. */
  fault: (operation: ObjectOperation, name: string) => ObjectFault = () => "none";
  /** Operations so far. */
  operations = 0;

  async put(name: string, content: Content, signal?: AbortSignal): Promise<void> {
    assertObjectName(name);
    await this.#perform("put", name, async () => {
      const parts: Uint8Array[] = [];
      for await (const part of content.read()) parts.push(part.slice());
      signal?.throwIfAborted();
      const whole = Buffer.concat(parts);
      if (whole.length !== content.sizeBytes) {
        throw new EpsilonError("io_error", `${whole.length} bytes came of ${content.sizeBytes}`);
      }
      this.#kept.set(name, new Uint8Array(whole));
    });
  }

  async *get(name: string): AsyncGenerator<Uint8Array> {
    assertObjectName(name);
    await this.#perform("get", name, async () => {});
    const bytes = this.#kept.get(name);
    if (bytes === undefined) throw new EpsilonError("object_not_found", `there is no ${name}`);
    const half = Math.ceil(bytes.length / 2);
    yield bytes.subarray(0, half);
    if (half < bytes.length) yield bytes.subarray(half);
  }

  async sizeOf(name: string): Promise<number | null> {
    assertObjectName(name);
    await this.#perform("sizeOf", name, async () => {});
    return this.#kept.get(name)?.length ?? null;
  }

  async list(prefix: string): Promise<readonly ObjectInfo[]> {
    await this.#perform("list", prefix, async () => {});
    return [...this.#kept]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, bytes]) => ({ name, sizeBytes: bytes.length }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async remove(name: string): Promise<void> {
    assertObjectName(name);
    await this.#perform("remove", name, async () => {
      this.#kept.delete(name);
    });
  }

  /** Changes one byte of what is kept. */
  corrupt(name: string, offset: number): void {
    const bytes = this.#kept.get(name);
    if (bytes === undefined) throw new EpsilonError("object_not_found", `there is no ${name}`);
    bytes[offset] = (bytes[offset] ?? 0) ^ 1;
  }

  /** Loses what is kept under a name. */
  lose(name: string): void {
    this.#kept.delete(name);
  }

  names(): readonly string[] {
    return [...this.#kept.keys()].sort();
  }

  async #perform(operation: ObjectOperation, name: string, effect: () => Promise<void>): Promise<void> {
    this.operations += 1;
    const fault = this.fault(operation, name);
    if (fault === "lost") return;
    if (fault !== "none" && fault.after !== true) throw refusal(fault.fail, operation, name);
    await effect();
    if (fault !== "none") throw refusal(fault.fail, operation, name);
  }
}

function refusal(code: ErrorCode, operation: ObjectOperation, name: string): EpsilonError {
  return new EpsilonError(code, `${operation} of ${name} failed as the test wants it`);
}
