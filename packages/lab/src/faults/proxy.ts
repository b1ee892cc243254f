/**
 * A TCP proxy that misbehaves on demand: what a network, or a machine that is half dead, does to a client. A fault holds for
 * all connections, those that are open too.
 */

import { connect, createServer, type Server, type Socket } from "node:net";
import type { Unit } from "../drill/writers.ts";

export type Fault =
  | { readonly kind: "none" }
  /** Everything arrives later, each way. */
  | { readonly kind: "delay"; readonly ms: number }
  /** Connections are reset, and new ones too. */
  | { readonly kind: "cut" }
  /** Requests go through; answers do not come back, and nothing says so. */
  | { readonly kind: "half-open" }
  /** Connections are taken, and whatever they bring vanishes. */
  | { readonly kind: "black-hole" }
  | { readonly kind: "throttle"; readonly bytesPerSecond: number }
  /** Something answers that is no instance. */
  | { readonly kind: "garbage" }
  /** Of the answers this share is lost: the request was done, and the connection is reset instead. */
  | { readonly kind: "lose-answers"; readonly share: number }
  /** Something in front of the instance answers with this status. */
  | { readonly kind: "refuse"; readonly status: number; readonly code: string };

export class FaultProxy {
  readonly #server: Server;
  readonly #unit: Unit;
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  #fault: Fault = { kind: "none" };
  /** How often the fault that holds was met. */
  met = 0;

  private constructor(server: Server, targetPort: number, unit: Unit) {
    this.#server = server;
    this.#targetPort = targetPort;
    this.#unit = unit;
  }

  /** Listens on a free port of this machine, and passes on to another one. */
  static async start(targetPort: number, unit: Unit): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(server, targetPort, unit);
    server.on("connection", (socket) => proxy.#take(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  set fault(fault: Fault) {
    this.#fault = fault;
    this.met = 0;
    // What hangs in a fault that is over would hang for ever.
    if (fault.kind === "cut" || fault.kind === "none") this.#reset();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#reset();
    await closed;
  }

  #reset(): void {
    for (const socket of this.#sockets) reset(socket);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // The other side is told by the close that follows.
    socket.on("error", () => undefined);
  }

  #take(client: Socket): void {
    this.#keep(client);
    if (this.#fault.kind === "cut") {
      this.met += 1;
      reset(client);
      return;
    }
    const upstream = connect(this.#targetPort, "127.0.0.1");
    this.#keep(upstream);
    client.once("close", () => upstream.destroy());
    this.#pipe(client, upstream, (bytes) => this.#onRequest(client, upstream, bytes));
    const passed = this.#pipe(upstream, client, (bytes) => this.#onAnswer(client, bytes));
    upstream.once("close", () => {
      // What is on its way arrives before the end does; where nothing arrives, the end does not either.
      const { kind } = this.#fault;
      if (kind !== "half-open" && kind !== "black-hole") void passed().then(() => client.destroySoon());
    });
  }

  /** Passes bytes on in order, one stretch after the other. Answers when what has come so far is passed on. */
  #pipe(from: Socket, to: Socket, handle: (bytes: Buffer) => Buffer | null): () => Promise<void> {
    let turn: Promise<void> = Promise.resolve();
    from.on("data", (bytes: Buffer) => {
      from.pause();
      turn = turn.then(async () => {
        const passed = handle(bytes);
        if (passed !== null) await this.#pass(to, passed);
        if (!from.destroyed) from.resume();
      });
    });
    return () => turn;
  }

  async #pass(to: Socket, bytes: Buffer): Promise<void> {
    const fault = this.#fault;
    if (fault.kind === "delay") await wait(fault.ms);
    if (fault.kind === "throttle") await wait((bytes.length / fault.bytesPerSecond) * 1000);
    if (fault.kind === "delay" || fault.kind === "throttle") this.met += 1;
    if (to.destroyed) return;
    await new Promise<void>((resolve) => {
      to.write(bytes, () => resolve());
    });
  }

  #onRequest(client: Socket, upstream: Socket, bytes: Buffer): Buffer | null {
    const fault = this.#fault;
    if (fault.kind === "black-hole") {
      this.met += 1;
      return null;
    }
    if (fault.kind === "garbage") {
      this.met += 1;
      client.end(Buffer.from(Array.from({ length: 300 }, () => Math.floor(this.#unit() * 256))));
      upstream.destroy();
      return null;
    }
    if (fault.kind === "refuse") {
      this.met += 1;
      const body = JSON.stringify({ error: { code: fault.code, message: "the proxy says so" } });
      client.end(
        `HTTP/1.1 ${fault.status} No\r\ncontent-type: application/json\r\nretry-after: 1\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
      );
      upstream.destroy();
      return null;
    }
    return bytes;
  }

  #onAnswer(client: Socket, bytes: Buffer): Buffer | null {
    const fault = this.#fault;
    if (fault.kind === "half-open" || fault.kind === "black-hole") {
      this.met += 1;
      return null;
    }
    if (fault.kind === "lose-answers" && this.#unit() < fault.share) {
      this.met += 1;
      reset(client);
      return null;
    }
    return bytes;
  }
}

/** A socket that is ending already cannot be reset: Node would neither reset nor close it, and spin. */
function reset(socket: Socket): void {
  if (socket.writableEnded || socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
