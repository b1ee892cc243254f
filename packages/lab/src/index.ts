/** lab: see docs/architecture.md. */
export {};
