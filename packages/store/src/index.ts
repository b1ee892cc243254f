/** store: see docs/architecture.md. */
export {};
