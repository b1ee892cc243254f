/** Figures for Prometheus: how far each instance is, the spool, the requests, the process. */

import type { Client } from "@epsilon/client";
import { type Metrics, registerHttp } from "@epsilon/server";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";

type Status = Awaited<ReturnType<Client["status"]>>;
type Loop = Status["loops"][number];

const loopGauges: readonly (readonly [string, string, (loop: Loop) => number])[] = [
  ["epsilon_relay_position", "How far the instance is, in events", ({ cursor }) => cursor?.position ?? 0],
  ["epsilon_relay_lag_events", "Events that the instance lacks", ({ lag }) => lag ?? 0],
  [
    "epsilon_relay_lag_bytes",
    "About how many bytes of the spool the instance lacks",
    ({ lagBytes }) => lagBytes,
  ],
  [
    "epsilon_relay_lag_seconds",
    "Age of the oldest event that the instance lacks",
    ({ lagMs }) => lagMs / 1000,
  ],
  [
    "epsilon_relay_retries",
    "Requests to the instance that failed, since the start",
    ({ retries }) => retries,
  ],
  [
    "epsilon_relay_duplicates",
    "Events of the source that the instance had already, by its own count",
    ({ totals }) => totals?.duplicates ?? 0,
  ],
  ["epsilon_relay_rejected", "Events that the instance refused, since the start", ({ rejected }) => rejected],
  [
    "epsilon_relay_delivered_events",
    "Events that the instance has taken, since the start",
    ({ deliveredEvents }) => deliveredEvents,
  ],
  [
    "epsilon_relay_up",
    "1 while the instance answers as it should",
    ({ lastError, instanceId }) => (lastError === null && instanceId !== null ? 1 : 0),
  ],
];

/** Registers everything. */
export function createRelayMetrics(client: Client, bodyBytes: () => number): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const labelNames = ["source", "stream", "collection", "instance"];
  const gauges = loopGauges.map(([name, help, value]) => ({
    gauge: new Gauge({ name, help, labelNames, registers }),
    value,
  }));
  const spoolBytes = new Gauge({ name: "epsilon_relay_spool_bytes", help: "Bytes of the spool", registers });
  const spoolBytesMax = new Gauge({
    name: "epsilon_relay_spool_limit_bytes",
    help: "Bytes that the spool may have",
    registers,
  });
  const refresh = (status: Status): void => {
    spoolBytes.set(status.spoolBytes);
    spoolBytesMax.set(status.spoolBytesMax);
    for (const { gauge, value } of gauges) {
      gauge.reset();
      for (const loop of status.loops) {
        const { source, collection, url, cursor } = loop;
        gauge.set({ source, stream: cursor?.stream ?? "", collection, instance: url }, value(loop));
      }
    }
  };
  return {
    contentType: registry.contentType,
    async text() {
      refresh(await client.status());
      return registry.metrics();
    },
    requestDone: registerHttp(registry, bodyBytes),
  };
}
