/** Letting everything that can run without the world's help run until it waits. */

/** Settles after every microtask that is due, and those they lead to. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
