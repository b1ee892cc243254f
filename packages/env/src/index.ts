/** The world behind interfaces; see docs/architecture.md. */
export * from "./env.ts";
