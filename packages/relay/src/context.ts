/** What every handler of the relay is given. */

import type { Client, Instances } from "@epsilon/client";
import type { Handler, HttpContext } from "@epsilon/server";

export interface RelayContext extends HttpContext {
  readonly client: Client;
  /** Where reads go. */
  readonly instances: Instances;
  /** Events that some instance refused, since the start. */
  readonly refused: () => number;
  readonly startedAtMicros: bigint;
}

export type RelayHandler = Handler<RelayContext>;
