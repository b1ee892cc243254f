/** server: see docs/architecture.md. */
export {};
