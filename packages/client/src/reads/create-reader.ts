/** The reader on Node. */

import { createNodeEnv } from "@epsilon/env";
import type { InstancesOptions } from "./instances.ts";
import { Reader } from "./reader.ts";

/** A reader of several instances, for programs that write nothing. Throws `bad_request` for what is no address. */
export function createReader(options: InstancesOptions): Reader {
  return new Reader(createNodeEnv(), options);
}
