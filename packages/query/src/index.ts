/** query: see docs/architecture.md. */
export {};
