/**
 * The open connections of a server, so that closing is quick and loses no answer: idle ones are destroyed at once
 * (also those that never sent anything, which Node takes for busy), the others after their answer, or when time is up.
 */

import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "@epsilon/env";

export class Connections {
  readonly #sockets = new Set<Socket>();
  /** TCP connections beneath TLS, whose handshake may still be under way. */
  readonly #beneath = new Set<Socket>();
  readonly #running = new Set<ServerResponse>();
  #isClosing = false;

  /** Begins to watch a server. */
  watch(server: Server, options: { readonly usesTls: boolean }): void {
    if (options.usesTls) server.on("connection", (socket) => remember(this.#beneath, socket));
    const event = options.usesTls ? "secureConnection" : "connection";
    server.on(event, (socket: Socket) => remember(this.#sockets, socket));
  }

  /** A request has come; `response` will close when it is done, or broken off. */
  begin(response: ServerResponse): void {
    this.#running.add(response);
    const { socket } = response;
    response.once("close", () => {
      this.#running.delete(response);
      if (this.#isClosing) socket?.destroySoon();
    });
  }

  /** Takes no more, and settles when everything is closed: after `graceMs` at the latest. */
  async close(server: Server, clock: Clock, graceMs: number): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    const busy = new Set<Socket | null>();
    for (const response of this.#running) {
      if (!response.headersSent) response.shouldKeepAlive = false;
      busy.add(response.socket);
    }
    for (const socket of this.#sockets) if (!busy.has(socket)) socket.destroy();
    const done = new AbortController();
    const timeIsUp = clock.sleep(graceMs, done.signal).catch((error: unknown) => {
      if (!done.signal.aborted) throw error;
    });
    await Promise.race([closed, timeIsUp]);
    done.abort();
    for (const socket of [...this.#sockets, ...this.#beneath]) socket.destroy();
    await closed;
  }
}

function remember(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
}
