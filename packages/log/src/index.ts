/** log: see docs/architecture.md. */
export {};
