/** The report of how far each instance is. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { SourceAnswer } from "../http/answers.ts";
import { type InstanceSaid, reportStatus } from "./report.ts";

interface StreamGiven {
  readonly stream: string;
  readonly position: number | null;
  readonly at?: string;
  readonly gaps?: SourceAnswer["streams"][number]["gaps"];
}

function said(url: string, streams: readonly StreamGiven[], id = url): InstanceSaid {
  const source: SourceAnswer = {
    source: "web-1/x",
    streams: streams.map(({ stream, position, at = "2026-01-01", gaps = [] }) => ({
      stream,
      cursor: position === null ? null : `${stream}:${position}:c`,
      snapshotted: null,
      gaps,
      updated_at: at,
    })),
    received: 0,
    stored: 0,
    duplicates: 0,
    rejected: 2,
    conflicts: 1,
  };
  return { url, id, error: null, collections: new Map([["views", streams.length === 0 ? [] : [source]]]) };
}

test("lag is against the furthest, at risk is what one instance alone has", () => {
  const report = reportStatus([
    said("a", [{ stream: "s", position: 100 }]),
    said("b", [{ stream: "s", position: 70 }]),
    said("c", []),
    { url: "d", id: null, error: { code: "unreachable", message: "no" }, collections: new Map() },
  ]);
  const [stream] = report.streams;
  assert.deepEqual([stream?.furthest, stream?.atRisk], [100, 30]);
  assert.deepEqual(
    stream?.places.map(({ position, lag }) => [position, lag]),
    [
      [100, 0],
      [70, 30],
      [null, 100],
    ],
  );
  assert.equal(report.lag, 100);
  assert.deepEqual(report.unprotected, ["a", "b", "c"]);
  assert.deepEqual([report.rejected, report.conflicts, report.gaps], [2, 1, 0]);
  assert.equal(report.instances.at(-1)?.error?.code, "unreachable");
});

test("two addresses of one instance do not protect each other", () => {
  const report = reportStatus([
    said("a", [{ stream: "s", position: 100 }], "one"),
    said("a2", [{ stream: "s", position: 100 }], "one"),
  ]);
  assert.equal(report.streams[0]?.atRisk, 100);
});

test("only the last stream of a source counts for the lag; gaps count wherever they are", () => {
  const gap = { from: null, to: 5, reason: "trimmed" };
  const report = reportStatus([
    said("a", [
      { stream: "old", position: 1000, at: "2026-01-01" },
      { stream: "new", position: 10, at: "2026-01-02" },
    ]),
    said("b", [{ stream: "new", position: 8, at: "2026-01-02", gaps: [gap] }]),
  ]);
  assert.equal(report.lag, 2);
  assert.deepEqual(
    report.streams.map(({ stream, isEarlier }) => [stream, isEarlier]),
    [
      ["new", false],
      ["old", true],
    ],
  );
  assert.equal(report.gaps, 1);
});

test("nothing that is given makes a lag negative, or more than the furthest", () => {
  const position = fc.option(fc.nat(1000), { nil: null });
  fc.assert(
    fc.property(fc.array(fc.array(position, { maxLength: 3 }), { maxLength: 5 }), (instances) => {
      const report = reportStatus(
        instances.map((own, index) =>
          said(
            String(index),
            own.map((at, stream) => ({ stream: `s${stream}`, position: at })),
          ),
        ),
      );
      for (const { places, furthest, atRisk } of report.streams) {
        assert.ok(atRisk >= 0 && atRisk <= furthest);
        assert.ok(places.some(({ lag }) => lag === 0));
        for (const { lag } of places) assert.ok(lag >= 0 && lag <= furthest);
      }
    }),
  );
});
