/** Tabs of one browser, for tests on Node: locks that they share, and that end with the tab. */

import type { Locks } from "@epsilon/env/browser";

export class Browser {
  readonly #held = new Map<string, Tab>();

  tab(): Tab {
    return new Tab(this.#held);
  }
}

export class Tab implements Locks {
  readonly #held: Map<string, Tab>;

  constructor(held: Map<string, Tab>) {
    this.#held = held;
  }

  async take(name: string): Promise<(() => void) | undefined> {
    if (this.#held.has(name)) return undefined;
    this.#held.set(name, this);
    return () => {
      if (this.#held.get(name) === this) this.#held.delete(name);
    };
  }

  /** It is closed without a word: its locks are free. */
  end(): void {
    for (const [name, tab] of this.#held) if (tab === this) this.#held.delete(name);
  }
}
