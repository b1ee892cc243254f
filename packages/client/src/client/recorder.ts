/** Events that come one by one and are written together: what `record` takes is on the disk within a moment. */

import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import type { NamedEvent } from "./name-events.ts";

/** How long an event waits for others at most. */
const lingerMs = 100;
/** So many are not kept waiting. */
const bufferedEventsMax = 1000;
/** Beyond this, nobody takes them off: what comes is refused, and said so. */
const heldEventsMax = 100_000;

export interface RecorderOptions {
  /** Writes events durably. */
  readonly write: (collection: string, events: readonly NamedEvent[]) => Promise<unknown>;
  /** Told of events that are lost, with the reason. */
  readonly onLost: (error: unknown, count: number) => void;
}

export class Recorder {
  readonly #env: Env;
  readonly #options: RecorderOptions;
  #buffer = new Map<string, NamedEvent[]>();
  #buffered = 0;
  /** Those that are being written. */
  #underWay = 0;
  #wake: AbortController | undefined;
  #writing: Promise<void> = Promise.resolve();
  #lost = 0;

  constructor(env: Env, options: RecorderOptions) {
    this.#env = env;
    this.#options = options;
  }

  /** How many events were lost, each told to `onLost`. */
  get lost(): number {
    return this.#lost;
  }

  add(collection: string, event: NamedEvent): void {
    if (heldEventsMax <= this.#buffered + this.#underWay) {
      const error = new EpsilonError(
        "overloaded",
        `${heldEventsMax} recorded events wait for the disk or for room in the spool; record less, or use push, which waits`,
      );
      this.lose(error, 1);
      return;
    }
    const events = this.#buffer.get(collection) ?? [];
    events.push(event);
    this.#buffer.set(collection, events);
    this.#buffered += 1;
    if (bufferedEventsMax <= this.#buffered) void this.flush();
    else if (this.#wake === undefined) this.#linger();
  }

  /** Settles when all that was added is written, or was told to be lost. */
  flush(): Promise<void> {
    this.#wake?.abort();
    this.#wake = undefined;
    const taken = this.#buffer;
    this.#buffer = new Map();
    this.#underWay += this.#buffered;
    this.#buffered = 0;
    const writes = [...taken].map(([collection, events]) => this.#write(collection, events));
    this.#writing = Promise.all([this.#writing, ...writes]).then(() => undefined);
    return this.#writing;
  }

  lose(error: unknown, count: number): void {
    this.#lost += count;
    this.#options.onLost(error, count);
  }

  #linger(): void {
    const wake = new AbortController();
    this.#wake = wake;
    this.#env.clock.sleep(lingerMs, wake.signal).then(
      () => void this.flush(),
      () => undefined,
    );
  }

  async #write(collection: string, events: readonly NamedEvent[]): Promise<void> {
    try {
      await this.#options.write(collection, events);
    } catch (error) {
      this.lose(error, events.length);
    } finally {
      this.#underWay -= events.length;
    }
  }
}
