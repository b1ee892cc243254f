/** The world behind interfaces; see docs/architecture.md. */
export * from "./env.ts";
export { crc32 } from "./node-crc32.ts";
export { createNodeEnv } from "./node-env.ts";
export { nodeSha256 } from "./node-sha256.ts";
export { publishFile } from "./publish-file.ts";
