/** Figures that every server of ours has: its requests. */

import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export interface Metrics {
  readonly contentType: string;
  /** One request is done. */
  requestDone(request: RequestFigures): void;
  /** Everything as Prometheus text. */
  text(): Promise<string>;
}

export interface RequestFigures {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly elapsedMs: number;
}

/** From a millisecond to a minute. */
const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Registers them; answers what is to be called with every request that is done. */
export function registerHttp(registry: Registry, bodyBytes: () => number): Metrics["requestDone"] {
  const registers = [registry];
  new Gauge({
    name: "epsilon_body_bytes",
    help: "Bytes of request bodies in memory",
    registers,
    collect() {
      this.set(bodyBytes());
    },
  });
  const requests = new Counter({
    name: "epsilon_http_requests_total",
    help: "Requests answered",
    labelNames: ["method", "route", "status"],
    registers,
  });
  const durations = new Histogram({
    name: "epsilon_http_request_duration_seconds",
    help: "From the head of a request to the end of its answer",
    labelNames: ["method", "route"],
    buckets: durationBuckets,
    registers,
  });
  return ({ method, route, status, elapsedMs }) => {
    requests.inc({ method, route, status });
    durations.observe({ method, route }, elapsedMs / 1000);
  };
}
