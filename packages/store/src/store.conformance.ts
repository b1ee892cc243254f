/** What every kind of store must do. Both kinds' tests call this. */

import { test } from "node:test";
import { asking, removing } from "./asking.conformance.ts";
import { comparing } from "./comparing.conformance.ts";
import { cursors } from "./cursors.conformance.ts";
import { StoreFixture, type StoreKind } from "./fixture.ts";
import type { It } from "./suite.fixture.ts";
import { writing } from "./writing.conformance.ts";

/** Declares the suite for one kind. */
export function storeConformance(kind: StoreKind): void {
  const it: It = (name, work) => {
    test(`${kind}: ${name}`, async () => {
      const fixture = await StoreFixture.open(kind);
      try {
        await work(fixture);
      } finally {
        await fixture.end();
      }
    });
  };
  writing(it);
  cursors(it);
  removing(it);
  asking(it);
  comparing(it);
}
