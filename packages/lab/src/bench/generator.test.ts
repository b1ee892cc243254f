/** The generator must give the same events for ever: figures are compared over months. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { must } from "@epsilon/model";
import { bodiesOf, moveByWeeks, pageViews } from "./generator.ts";

test("the first events are the same bytes as ever", () => {
  const bytes = Buffer.concat(bodiesOf({ count: 3000, totalCount: 3000, batchEvents: 1000 }));
  assert.equal(
    createHash("sha256").update(bytes).digest("hex"),
    "a5c7b5153ea7f61ae9f260a55ef9b72112e25e022b6d853d16f45a6e877b7032",
  );
});

test("bodies hold every event once, and the last body holds the rest", () => {
  const bodies = bodiesOf({ count: 25, totalCount: 100, batchEvents: 10 });
  const lines = bodies.map((body) => body.toString().trimEnd().split("\n"));
  assert.deepEqual(
    lines.map((some) => some.length),
    [10, 10, 5],
  );
  assert.equal(new Set(lines.flat().map((line) => JSON.parse(line)._id)).size, 25);
});

test("moving by weeks changes time and id, keeps everything else, and adds up", () => {
  const [body] = bodiesOf({ count: 20, totalCount: 2_000_000, batchEvents: 20 });
  const once = Buffer.from(must(body));
  moveByWeeks(once, 3);
  const twice = Buffer.from(must(body));
  moveByWeeks(twice, 1);
  moveByWeeks(twice, 2);
  assert.deepEqual(once, twice);
  const events = pageViews(2_000_000);
  for (const line of once.toString().trimEnd().split("\n")) {
    const { _id, _ts, ...fields } = JSON.parse(line);
    const { _id: idBefore, _ts: tsBefore, ...fieldsBefore } = must(events.next().value);
    assert.equal(_ts, tsBefore + 3 * 7 * 86_400_000);
    assert.equal(_id.replaceAll("-", "").slice(0, 12), _ts.toString(16).padStart(12, "0"));
    assert.equal(_id.slice(13), idBefore.slice(13));
    assert.deepEqual(fields, fieldsBefore);
  }
});
