/** A server until a signal ends it in an orderly way, or a failure at once. */

import type { Logger } from "./logger.ts";
import { exitCodeOf, flushOutput } from "./output.ts";

/** How what runs says that it cannot go on. */
export interface Failure {
  readonly fail: (error: unknown) => void;
  /** Rejects then. */
  readonly failed: Promise<never>;
}

export function watchFailure(): Failure {
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  // Whoever waits for it comes later; until then a failure is not unhandled.
  failed.catch(() => undefined);
  return { fail, failed };
}

/** Settles with the exit code once a signal has come and `close` is through. */
export async function runUntilEnded(
  logger: Logger,
  { failed, close }: { readonly failed: Promise<never>; readonly close: () => Promise<void> },
): Promise<number> {
  try {
    const name = await Promise.race([nextSignal(), failed]);
    logger.say("stopping", { signal: name });
    await close();
    logger.say("stopped", {});
    return 0;
  } catch (error) {
    // What failed may not be asked to close: the process ends, and the next start recovers.
    logger.failed(error);
    await flushOutput();
    process.exit(exitCodeOf(error) === 1 ? 1 : 2);
  }
}

/** The first signal to end. A second one ends at once. */
function nextSignal(): Promise<string> {
  return new Promise((settle) => {
    let count = 0;
    for (const name of ["SIGINT", "SIGTERM"] as const)
      process.on(name, () => {
        count += 1;
        if (count > 1) process.exit(name === "SIGINT" ? 130 : 143);
        settle(name);
      });
  });
}
