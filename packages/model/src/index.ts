/** The model: events, keys, versions and the rules of convergence. Pure, runs in a browser. */
export * from "./errors.ts";
export * from "./event.ts";
export * from "./limits.ts";
