/** What only a page has: it is hidden and goes away, it can send a last word, and it shares its origin with other tabs. */

/** A request that is sent although nobody will read its answer. */
export interface LastWord {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** A page, as far as a client needs to know of it. */
export interface Page {
  /** Listens for the page being hidden, or left. It may come back. Answers how to stop listening. */
  onHidden(listener: () => void): () => void;
  /** Sends even if the page ends at once. Browsers refuse what is beyond 64 KiB at a time, and nobody is told. */
  sendLastWord(word: LastWord): void;
}

/** Locks that all tabs of an origin share, and that end with the tab. */
export interface Locks {
  /** Takes a lock; undefined if somebody has it. Answers how to give it back. */
  take(name: string): Promise<(() => void) | undefined>;
}

/** This page; undefined where there is none (a worker), which is left without a word. */
export function browserPage(): Page | undefined {
  if (typeof document === "undefined") return undefined;
  return {
    onHidden(listener) {
      const look = (): void => {
        if (document.visibilityState === "hidden") listener();
      };
      // Of a phone's pages many never hear more than the first; of a desktop's some only the second.
      document.addEventListener("visibilitychange", look);
      addEventListener("pagehide", listener);
      return () => {
        document.removeEventListener("visibilitychange", look);
        removeEventListener("pagehide", listener);
      };
    },
    sendLastWord({ url, headers, body }) {
      const bytes = body as Uint8Array<ArrayBuffer>;
      // Without headers it needs no leave of the instance first, and a beacon goes where `keepalive` is not known.
      if (Object.keys(headers).length === 0 && navigator.sendBeacon(url, new Blob([bytes]))) return;
      const options = { method: "POST", headers, body: bytes, keepalive: true, credentials: "omit" } as const;
      fetch(url, options).catch(() => undefined);
    },
  };
}

/** The locks of this origin; undefined where there are none: on pages over plain http. */
export function browserLocks(): Locks | undefined {
  const { locks } = navigator;
  // The types know secure pages only.
  if ((locks as unknown) === undefined) return undefined;
  return {
    take: (name) =>
      new Promise((resolve, reject) => {
        const held = locks.request(name, { ifAvailable: true }, (lock) => {
          if (lock === null) return resolve(undefined);
          return new Promise<void>((release) => resolve(release));
        });
        held.catch(reject);
      }),
  };
}
