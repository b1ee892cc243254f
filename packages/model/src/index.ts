/** The model: events, keys, versions and the rules of convergence. Pure, runs in a browser. */
export * from "./canonical.ts";
export * from "./cursor.ts";
export * from "./digest.ts";
export * from "./duration.ts";
export * from "./errors.ts";
export * from "./event.ts";
export * from "./hash.ts";
export * from "./identity.ts";
export * from "./join.ts";
export * from "./limits.ts";
export * from "./names.ts";
export * from "./order.ts";
export * from "./size.ts";
export * from "./timestamp.ts";
export * from "./uuid.ts";
export * from "./version.ts";
export * from "./wire.ts";
