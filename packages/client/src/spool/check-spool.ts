/** Looking a spool through from end to end, without changing a byte of it; its processes may go on writing. */

import type { Env } from "@epsilon/env";
import { checkLog, type LogFrame } from "@epsilon/log";
import { EpsilonError, type ErrorCode, isCollectionName, type Sha256, sha256 } from "@epsilon/model";
import { parsePartHeader } from "./part-frame.ts";
import { type Place, placeAfter } from "./place.ts";
import { readSmallFile } from "./small-files.ts";

export interface SpoolFinding {
  readonly code: ErrorCode;
  readonly message: string;
}

export interface SpoolPartCheck {
  readonly collection: string;
  readonly part: string;
  /** Events that are held. */
  readonly events: number;
  readonly sizeBytes: number;
  /** Which life of the part it is; null where it has none yet. */
  readonly stream: string | null;
  /** Behind the last event. */
  readonly position: number;
}

export interface SpoolCheck {
  readonly sound: boolean;
  readonly parts: readonly SpoolPartCheck[];
  readonly events: number;
  /** Frames that verify. */
  readonly frames: number;
  readonly findings: readonly SpoolFinding[];
}

/** Reads and verifies every frame of every part. Rejects with `file_not_found` for what is no spool, and those of the file system. */
export async function checkSpool(env: Env, directory: string, hash: Sha256 = sha256): Promise<SpoolCheck> {
  if (!(await env.files.exists(`${directory}/spool.json`)))
    throw new EpsilonError("file_not_found", `${directory} is no spool: it has no spool.json`);
  const parts: SpoolPartCheck[] = [];
  const findings: SpoolFinding[] = [];
  let frames = 0;
  for (const collection of await env.files.list(`${directory}/collections`)) {
    if (!isCollectionName(collection)) continue;
    for (const part of await env.files.list(`${directory}/collections/${collection}`)) {
      const folder = `${directory}/collections/${collection}/${part}/log`;
      // Made a moment ago, or by a process that died just then.
      if (!(await env.files.exists(folder))) continue;
      const chain = new Chain(folder, hash);
      const log = await checkLog(env, folder, (frame) => chain.add(frame));
      frames += log.frames;
      findings.push(
        ...log.findings.map(({ code, file, offset, message }) => ({
          code,
          message: `${file}, byte ${offset}: ${message}`,
        })),
        ...chain.findings,
      );
      const stream = await readStreamName(env, `${directory}/collections/${collection}/${part}`);
      const { events, position } = chain;
      parts.push({ collection, part, events, sizeBytes: log.sizeBytes, stream, position });
    }
  }
  const events = parts.reduce((sum, part) => sum + part.events, 0);
  return { sound: findings.length === 0, parts, events, frames, findings };
}

async function readStreamName(env: Env, folder: string): Promise<string | null> {
  const path = `${folder}/stream`;
  return (await env.files.exists(path)) ? (await readSmallFile(env.files, path)).trim() : null;
}

/** The frames of a part: each follows the one before, and its check is that of its bytes. */
class Chain {
  readonly #folder: string;
  readonly #hash: Sha256;
  #last: Place | undefined;
  events = 0;
  position = 0;
  readonly findings: SpoolFinding[] = [];

  constructor(folder: string, hash: Sha256) {
    this.#folder = folder;
    this.#hash = hash;
  }

  add(frame: LogFrame): void {
    try {
      const { before, after } = parsePartHeader(frame, this.#folder);
      const events = after.position - before.position;
      const expected = placeAfter(before, events, frame.payload, this.#hash);
      if (expected.check !== after.check) this.#find(frame, "its check is not that of its events");
      if (countLines(frame.payload) !== events) this.#find(frame, `it does not hold ${events} events`);
      const last = this.#last;
      if (last !== undefined && (last.position !== before.position || last.check !== before.check))
        this.#find(frame, `it does not follow the one before, which ends at ${last.position}`);
      this.#last = after;
      this.events += events;
      this.position = after.position;
    } catch (error) {
      if (!(error instanceof EpsilonError)) throw error;
      this.findings.push({ code: error.code, message: error.message });
    }
  }

  #find(frame: LogFrame, what: string): void {
    const message = `the frame at offset ${frame.start} in ${this.#folder}: ${what}`;
    this.findings.push({ code: "log_damaged", message });
  }
}

const newline = 10;

function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) count += 1;
  return count;
}
