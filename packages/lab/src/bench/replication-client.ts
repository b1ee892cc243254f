/** The client whose costs are measured, as a process of its own: appends prepared events to its spool, and says what that took. */

import { hash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, type PushOptions } from "@epsilon/client";
import { bodiesOf, moveByWeeks } from "./generator.ts";

export interface ClientSettings {
  readonly urls: readonly string[];
  readonly spool: string;
  readonly collection: string;
  readonly events: number;
  /** Whether events are pushed as a program has them, as objects; else they are appended as lines that are named already. */
  readonly isPushed: boolean;
  /** How long is waited for the last of them. */
  readonly ack: NonNullable<PushOptions["ack"]>;
  /** How long it goes on afterwards, milliseconds. */
  readonly lingerMs: number;
}

export interface ClientFigures {
  /** From the first append until the acknowledgement. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly residentPeakBytes: number;
}

const preparedEvents = 100_000;
const chunkEvents = 1000;
/** Appends that are under way at a time. */
const appendsMax = 16;

if (process.env["EPSILON_LAB_CLIENT"] !== undefined && process.send !== undefined) {
  const settings = JSON.parse(process.env["EPSILON_LAB_CLIENT"]) as ClientSettings;
  process.send(await run(settings));
  process.disconnect();
}

async function run(settings: ClientSettings): Promise<ClientFigures> {
  const { urls, spool, collection, events, isPushed, ack, lingerMs } = settings;
  const count = Math.min(events, preparedEvents);
  const bodies = bodiesOf({ count, totalCount: preparedEvents, batchEvents: chunkEvents });
  const client = createClient({
    instances: urls,
    collection,
    spool,
    hash: (bytes) => hash("sha256", bytes, "buffer"),
  });
  await client.status();
  const startMs = performance.now();
  const before = process.cpuUsage();
  const pending = new Set<Promise<void>>();
  for (let sent = 0; sent < events; ) {
    for (const body of bodies) {
      if (sent >= events) break;
      // What was appended is on the disk before its bytes are changed: they are waited for below.
      const write = isPushed
        ? client.push(objectsOf(body)).then(() => undefined)
        : client.append([{ lines: body, events: chunkEvents }]);
      const append = write.finally(() => pending.delete(append));
      pending.add(append);
      sent += chunkEvents;
      if (pending.size >= appendsMax) await Promise.race(pending);
    }
    await Promise.all(pending);
    for (const body of bodies) moveByWeeks(body, 1);
  }
  await client.flush({ ack, timeoutMs: Number.POSITIVE_INFINITY });
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - startMs) / 1000;
  await sleep(lingerMs);
  const residentPeakBytes = process.resourceUsage().maxRSS * 1024;
  await client.close();
  return { seconds, cpuSeconds: (user + system) / 1e6, residentPeakBytes };
}

/** Events without names. That they are parsed is the program's cost, and the same wherever they go. */
function objectsOf(body: Buffer): Record<string, unknown>[] {
  return body
    .toString()
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const { _id, ...event } = JSON.parse(line) as Record<string, unknown>;
      return event;
    });
}
