/** What a plan is, and what its statements have in common. Types only: the makers of each statement have files of their own. */

import type { Order } from "../order.ts";
import type { Answer } from "../query.ts";
import type { SqlValue } from "./sql-value.ts";

/** Rows of the statements that ran, in their order; none for one that was not needed. */
export type Results = readonly (readonly (readonly unknown[])[])[];

/** The SQL of a statement, from what those before it found. Null where that tells that there is nothing to find. */
export type PlanStatement = (before: Results) => string | null;

/** Statements to run in one transaction, in this order, and how their rows become an answer. */
export interface Plan {
  readonly statements: readonly PlanStatement[];
  /** Throws `query_too_large` where the results are more than an answer may hold. */
  shape(results: Results): Omit<Answer, "eventsScanned">;
  /** Inclusive; null without a beginning. */
  readonly startMicros: bigint | null;
  /** Exclusive; null without an end. */
  readonly endMicros: bigint | null;
}

/** The range of time that is looked at. */
export interface Range {
  readonly startMicros: bigint | null;
  readonly endMicros: bigint | null;
}

/** A value that a statement asks for, by its name in the answer. */
export interface Named {
  readonly name: string;
  readonly value: SqlValue;
}

/** What all statements of a plan have in common. */
export interface Statement {
  readonly table: string;
  /** With its keyword; empty where everything is looked at. */
  readonly where: string;
  readonly groups: readonly Named[];
  readonly columns: readonly Named[];
  readonly order: Order;
  readonly limit: number;
}
