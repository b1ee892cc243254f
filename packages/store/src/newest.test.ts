/** The newest events of many are found by looking at few of them, and are the right ones all the same. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseQuery } from "@epsilon/query";
import { event, StoreFixture, uuid } from "./fixture.ts";

/** More than is worth bounding: two days and some of an event a second, and one that is a year early. */
const count = 210_000;

test("the newest events that match, whatever the end, the filter and the number", async () => {
  const fixture = await StoreFixture.open("embedded");
  const seconds = [-31_536_000, ...Array.from({ length: count - 1 }, (_, second) => second)];
  for (let from = 0; from < count; from += 70_000) {
    const part = seconds.slice(from, from + 70_000);
    await fixture.write(
      part.map((second) => ({ ...event(second, { n: second % 1000 }), _id: uuid(Math.abs(second)) })),
    );
  }
  const ends = ["", "2026-01-02T00:00:00Z", "2026-01-02T00:00:01Z", "2026-01-01T00:00:05Z", "2025-06-01"];
  const filters = new Map<string, (second: number) => boolean>([
    ["", () => true],
    ["WHERE n = 7", (second) => second % 1000 === 7],
    ["WHERE n = 1234", () => false],
  ]);
  for (const end of ends) {
    for (const [filter, matches] of filters) {
      for (const limit of [1, 100, 3000]) {
        const text = `${filter} LIMIT ${limit}${end === "" ? "" : ` UNTIL ${end}`}`;
        const { events = [] } = await fixture.store.query("events", parseQuery(text), {});
        const endSecond =
          end === "" ? Number.POSITIVE_INFINITY : (Date.parse(end) - Date.UTC(2026, 0, 1)) / 1000;
        const expected = seconds
          .filter((second) => second < endSecond && matches(second))
          .sort((a, b) => b - a)
          .slice(0, limit)
          .map((second) => uuid(Math.abs(second)));
        assert.deepEqual(
          events.map((row) => row["_id"]),
          expected,
          text,
        );
      }
    }
  }
  await fixture.end();
});
