/** What the parts of the conformance suite share. */

import assert from "node:assert/strict";
import { EpsilonError } from "@epsilon/model";
import type { StoreFixture } from "./fixture.ts";

/** A test of the suite: it gets an open store of the kind, which is checked and closed after it. */
export type It = (name: string, work: (fixture: StoreFixture) => Promise<void>) => void;

/** The code that the work is rejected with, or "none". */
export async function code(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof EpsilonError, String(error));
    return error.code;
  }
  return "none";
}
