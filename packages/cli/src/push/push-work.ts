/** What the ways of pushing share. */

import type { ImportOptions, InstanceAddress } from "@epsilon/client";
import type { Env } from "@epsilon/env";
import type { Output } from "../output.ts";
import type { PushFlags } from "./push-flags.ts";
import type { Rejections } from "./report.ts";

export interface PushWork {
  readonly env: Env;
  readonly output: Output;
  readonly flags: PushFlags;
  readonly options: ImportOptions;
  readonly instances: readonly InstanceAddress[];
  readonly rejections: Rejections;
  /** Aborted when somebody stops the command. */
  readonly signal: AbortSignal;
}
