/** Three real instances, each behind a proxy, to be killed, emptied and set back. */

import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { must } from "@epsilon/model";
import { freePort, type RunningServer, startEpsilon } from "../bench/processes.ts";
import type { Unit } from "../drill/writers.ts";
import { FaultProxy } from "./proxy.ts";

export class Node implements AsyncDisposable {
  readonly name: string;
  readonly proxy: FaultProxy;
  readonly #directory: string;
  readonly #port: number;
  #server: RunningServer | undefined;

  private constructor(name: string, directory: string, port: number, proxy: FaultProxy) {
    this.name = name;
    this.#directory = directory;
    this.#port = port;
    this.proxy = proxy;
  }

  static async start(name: string, directory: string, unit: Unit): Promise<Node> {
    const port = await freePort();
    const node = new Node(name, join(directory, name), port, await FaultProxy.start(port, unit));
    await node.start();
    return node;
  }

  /** Where clients find it. */
  get url(): string {
    return this.proxy.origin;
  }

  /** Where the suite itself finds it, whatever the proxy does. */
  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    this.#server ??= await startEpsilon(this.#directory, { port: this.#port });
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    await this.#server?.kill();
    this.#server = undefined;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** It loses its disk, and starts anew. */
  async empty(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
    await this.start();
  }

  /** Keeps a copy of its data, as it is on the disk after a kill. */
  async keepCopy(): Promise<void> {
    await this.kill();
    await rm(this.#copy, { recursive: true, force: true });
    await cp(this.#directory, this.#copy, { recursive: true });
    await this.start();
  }

  /** Its data are what they were when the copy was made. */
  async setBack(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
    await cp(this.#copy, this.#directory, { recursive: true });
    await this.start();
  }

  get #copy(): string {
    return `${this.#directory}.copy`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.proxy.close();
  }
}

export class Cluster implements AsyncDisposable {
  readonly nodes: readonly Node[];

  private constructor(nodes: readonly Node[]) {
    this.nodes = nodes;
  }

  static async start(directory: string, unit: Unit): Promise<Cluster> {
    return new Cluster(await Promise.all(["a", "b", "c"].map((name) => Node.start(name, directory, unit))));
  }

  get urls(): readonly string[] {
    return this.nodes.map(({ url }) => url);
  }

  node(index: number): Node {
    return must(this.nodes[index % this.nodes.length]);
  }

  /** Everything is as it should be again. */
  async heal(): Promise<void> {
    for (const { proxy } of this.nodes) proxy.fault = { kind: "none" };
    await Promise.all(this.nodes.map((node) => node.start()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()));
  }
}
