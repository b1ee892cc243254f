/** SHA-256 by Node's own, which is some ten times as fast as one in JavaScript. */

import { hash } from "node:crypto";
import type { Sha256 } from "@epsilon/model";

/** SHA-256 of the bytes: 32 bytes. */
export const nodeSha256: Sha256 = (bytes) => hash("sha256", bytes, "buffer");
