/**
 * What a page sends when it is hidden or left: whatever it wrote that an instance is not known to have yet, at once, as
 * plain events without a cursor. They are named already, so that the loop, should the page come back, brings duplicates.
 * It is a help and no promise: what does not fit, or does not arrive, is in the spool.
 */

import type { LastWord, Page } from "@epsilon/env/browser";
import type { Part, Written } from "../spool/spool.ts";

export interface LastWordsOptions {
  readonly page: Page;
  /** The addresses of the instances; those that answer first. */
  readonly urls: () => readonly string[];
  /** The instances that have what was written. */
  readonly holders: (part: Part, written: Written) => ReadonlySet<string>;
  /** How events are posted to an instance's collection. */
  readonly post: (url: string, collection: string) => Omit<LastWord, "body">;
}

interface Recent {
  readonly collection: string;
  readonly lines: Uint8Array;
  /** Undefined while it is being written. */
  written: Written | undefined;
  /** The instances that it was sent to here. */
  readonly sentTo: Set<string>;
}

/** Browsers allow 64 KiB at a time, all requests together; some count more than the body. */
const bytesMax = 60_000;
/** What is remembered; beyond it the oldest is left to the loops. */
const recentBytesMax = 256 * 1024;
const newline = 10;

export class LastWords {
  readonly #options: LastWordsOptions;
  readonly #stopListening: () => void;
  #recent: readonly Recent[] = [];

  /** `onHidden` is told first: it writes what waits. */
  constructor(options: LastWordsOptions, onHidden: () => void) {
    this.#options = options;
    this.#stopListening = options.page.onHidden(() => {
      onHidden();
      this.#send();
    });
  }

  /** Writes lines of named events, and remembers them until all instances have them. */
  async during(collection: string, lines: Uint8Array, write: () => Promise<Written>): Promise<Written> {
    const recent: Recent = { collection, lines, written: undefined, sentTo: new Set() };
    this.#recent = this.#newest([...this.#recent, recent]);
    try {
      recent.written = await write();
      return recent.written;
    } catch (error) {
      // Whoever wrote it is told that it is not written.
      this.#recent = this.#recent.filter((one) => one !== recent);
      throw error;
    }
  }

  stop(): void {
    this.#stopListening();
  }

  #newest(all: readonly Recent[]): readonly Recent[] {
    const count = this.#options.urls().length;
    let bytes = 0;
    return all
      .filter((one) => this.#has(one).size < count)
      .reverse()
      .filter(({ lines }, index) => {
        bytes += lines.length;
        return index === 0 || bytes <= recentBytesMax;
      })
      .reverse();
  }

  #has({ written }: Recent): ReadonlySet<string> {
    return written === undefined ? new Set() : this.#options.holders(written.part, written);
  }

  /** To one instance all that fits, and to the next what is left of the allowance: some instance having all is best. */
  #send(): void {
    let left = bytesMax;
    for (const url of this.#options.urls()) {
      const lacking = this.#recent.filter((one) => !one.sentTo.has(url) && !this.#has(one).has(url));
      for (const collection of new Set(lacking.map((one) => one.collection))) {
        const own = lacking.filter((one) => one.collection === collection);
        const body = joined(own, left, (one) => one.sentTo.add(url));
        if (body.length === 0) continue;
        left -= body.length;
        this.#options.page.sendLastWord({ ...this.#options.post(url, collection), body });
      }
    }
  }
}

/** As many whole lines as fit, in order; `onWhole` is told of what is among them to its end. */
function joined(all: readonly Recent[], bytesMax: number, onWhole: (one: Recent) => void): Uint8Array {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for (const one of all) {
    const room = bytesMax - bytes;
    const fits = one.lines.length <= room;
    const piece = fits ? one.lines : one.lines.subarray(0, one.lines.lastIndexOf(newline, room - 1) + 1);
    if (fits) onWhole(one);
    if (piece.length > 0) pieces.push(piece);
    bytes += piece.length;
    if (!fits) break;
  }
  const body = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.length;
  }
  return body;
}
