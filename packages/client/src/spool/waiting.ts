/** Readers that wait until something is so. */

export class Waiting {
  readonly #looks = new Set<() => void>();

  /** Settles when `isSo`, looked at now and at each `wake`. Rejects with the signal's reason when it is aborted before. */
  until(isSo: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#looks.delete(look);
        reject(signal.reason);
      };
      const look = (): void => {
        if (!isSo()) return;
        this.#looks.delete(look);
        signal.removeEventListener("abort", stop);
        resolve();
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
      this.#looks.add(look);
      look();
    });
  }

  wake(): void {
    for (const look of [...this.#looks]) look();
  }
}
