/**
 * Making one snapshot: pieces first, each in a read transaction of its own, so that none is open for long; then one
 * last moment, in which what came meanwhile is exported together with cursors, horizons and digests.
 *
 * A row that is replaced between a piece and the last moment is in the last one's file; the piece has it in its older
 * version, and the join takes the newer. Every piece is in the books as soon as it is at the destination, so a snapshot
 * that was broken off is gone on with.
 */

import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { contentOf, type Objects } from "@epsilon/objects";
import { clearFolder, fileContent, hashOf, readFile, removeIfThere } from "./files.ts";
import type { SnapshotKind } from "./keeping.ts";
import {
  encodeManifest,
  type Manifest,
  type ManifestCollection,
  manifestName,
  type Segment,
  snapshotId,
} from "./manifest.ts";
import { asksForDead, type Planned, planBase } from "./plan.ts";
import type { Moment, Piece, SequenceRange, SnapshotTables } from "./snapshot-tables.ts";

export interface Making {
  readonly tables: SnapshotTables;
  readonly objects: Objects;
  /** A folder of our own for files on their way. */
  readonly scratch: string;
  readonly instance: string;
  readonly incarnation: string;
  readonly number: number;
  readonly kind: SnapshotKind;
  readonly createdAtMicros: bigint;
  /** The snapshot whose files are taken over, or null. */
  readonly base: Manifest | null;
  /** Collections whose files in the base are of an earlier life. */
  readonly isDroppedSince: (collection: string) => boolean;
  /** What an earlier try left at the destination. */
  readonly pieces: readonly Piece[];
  /** Rows a file has at most, about. */
  readonly rowsMax: number;
  readonly signal: AbortSignal;
}

export interface Made {
  readonly manifest: Manifest;
  readonly encoded: Uint8Array;
  readonly bytesWritten: number;
}

/** Makes it, up to and including the manifest. Whether it arrived is for the caller to look. */
export async function makeSnapshot(env: Env, making: Making): Promise<Made> {
  const exporter = new Exporter(env, making);
  await clearFolder(env.files, making.scratch);
  const names = await atOneMoment(env, making, async (moment) => moment.collections.map(({ name }) => name));
  const ready = new Map<string, readonly Segment[]>();
  for (const name of names) ready.set(name, await exporter.prepare(name));
  const { sequence, collections, staged } = await atOneMoment(env, making, (moment) =>
    exporter.finish(moment, ready),
  );
  for (const one of staged) await exporter.upload(one);
  const { instance, incarnation, number, kind, createdAtMicros, base } = making;
  const id = snapshotId(incarnation, number);
  const manifest: Manifest = {
    id,
    instance,
    incarnation,
    number,
    kind,
    createdAtMicros,
    sequence,
    base: base?.id ?? null,
    collections,
  };
  const encoded = encodeManifest(manifest);
  await making.objects.put(manifestName(manifest), contentOf(encoded), making.signal);
  return { manifest, encoded, bytesWritten: exporter.bytesWritten + encoded.length };
}

/** Throws `destination_damaged` unless the manifest and every file that it names lie there in the right size. */
export async function assertArrived(objects: Objects, made: Made, signal: AbortSignal): Promise<void> {
  const { manifest, encoded } = made;
  const listed = await objects.list(`${manifest.instance}/`, signal);
  const present = new Map(listed.map(({ name, sizeBytes }) => [name, sizeBytes]));
  const expected = [
    { name: manifestName(manifest), bytes: encoded.length },
    ...manifest.collections.flatMap(({ segments }) =>
      segments.map(({ file, bytes }) => ({ name: `${manifest.instance}/${file}`, bytes })),
    ),
  ];
  for (const { name, bytes } of expected) {
    const found = present.get(name);
    if (found === bytes) continue;
    throw new EpsilonError(
      "destination_damaged",
      `${name} was put at the destination and ${found === undefined ? "is not there" : `has ${found} bytes instead of ${bytes}`}`,
      { details: { file: name } },
    );
  }
}

const memoryTriesMax = 5;
const memoryRetryMs = 500;

/** A moment that gives way to writes when memory is short, and is tried again. */
async function atOneMoment<T>(env: Env, making: Making, work: (moment: Moment) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await making.tables.atOneMoment(work, making.signal);
    } catch (error) {
      const short = error instanceof EpsilonError && error.code === "query_out_of_memory";
      if (!short || tries >= memoryTriesMax) throw error;
      await env.clock.sleep(memoryRetryMs * tries, making.signal);
    }
  }
}

/** A file in the scratch folder that is to be uploaded. */
interface Staged {
  readonly path: string;
  readonly segment: Segment;
}

class Exporter {
  readonly #env: Env;
  readonly #making: Making;
  #files = 0;
  bytesWritten = 0;

  constructor(env: Env, making: Making) {
    this.#env = env;
    this.#making = making;
  }

  /** All of a collection but the last stretch of commits, as files at the destination. */
  async prepare(collection: string): Promise<readonly Segment[]> {
    const { rowsMax } = this.#making;
    const planned = await this.#plan(collection);
    const segments: Segment[] = [];
    for (const range of planned) segments.push(...(await this.#ensure(collection, range)));
    for (;;) {
      const from = covered(segments);
      const known = this.#pieceFrom(collection, from);
      if (known !== null) {
        segments.push(known);
        continue;
      }
      const cut = await this.#atOneMoment(async (moment) => {
        const range = { from, to: moment.sequence };
        const [rows = 0] = await moment.countRows(collection, [range]);
        return rows <= rowsMax ? null : moment.findCut(collection, range, rowsMax / rows);
      });
      if (cut === null || cut <= from) return segments;
      segments.push(...(await this.#ensure(collection, { from, to: cut, segment: null })));
    }
  }

  /** The last stretch of every collection, with everything else of that moment. The files are still to be uploaded. */
  async finish(
    moment: Moment,
    ready: ReadonlyMap<string, readonly Segment[]>,
  ): Promise<{
    readonly sequence: number;
    readonly collections: readonly ManifestCollection[];
    readonly staged: readonly Staged[];
  }> {
    const staged: Staged[] = [];
    const collections: ManifestCollection[] = [];
    for (const collection of moment.collections) {
      const segments = ready.get(collection.name) ?? [];
      const range = { from: covered(segments), to: moment.sequence };
      const [rows = 0] = range.from < range.to ? await moment.countRows(collection.name, [range]) : [];
      const last = rows === 0 ? null : await this.#export(moment, collection.name, range);
      if (last !== null) staged.push(last);
      collections.push({
        ...collection,
        segments: last === null ? segments : [...segments, last.segment],
      });
    }
    return { sequence: moment.sequence, collections, staged };
  }

  async upload({ path, segment }: Staged): Promise<void> {
    const { objects, instance, signal } = this.#making;
    const { files } = this.#env;
    await objects.put(`${instance}/${segment.file}`, fileContent(files, path, segment.bytes), signal);
    this.bytesWritten += segment.bytes;
    await removeIfThere(files, path);
  }

  async #plan(collection: string): Promise<readonly Planned[]> {
    const { base, kind, rowsMax } = this.#making;
    const segments = this.#baseSegments(collection);
    if (base === null || segments.length === 0) return [];
    const ranges = segments.map(({ fromSequence, toSequence }) => ({ from: fromSequence, to: toSequence }));
    const live = asksForDead(kind)
      ? await this.#atOneMoment((moment) => moment.countRows(collection, ranges))
      : segments.map(({ rows }) => rows);
    return planBase(kind, segments, { live, rowsMax });
  }

  #baseSegments(collection: string): readonly Segment[] {
    const { base, isDroppedSince } = this.#making;
    if (base === null || isDroppedSince(collection)) return [];
    return base.collections.find(({ name }) => name === collection)?.segments ?? [];
  }

  /** A range as a file at the destination; none if nothing is left in it. */
  async #ensure(collection: string, range: Planned): Promise<readonly Segment[]> {
    if (range.segment !== null) return [range.segment];
    const { objects, pieces, tables } = this.#making;
    const known = pieces.find(
      ({ collection: of, segment }) =>
        of === collection && segment.fromSequence === range.from && segment.toSequence === range.to,
    );
    if (known !== undefined) return [known.segment];
    const staged = await this.#atOneMoment(async (moment) => {
      const [rows = 0] = await moment.countRows(collection, [range]);
      return rows === 0 ? null : this.#export(moment, collection, range);
    });
    if (staged === null) return [];
    await this.upload(staged);
    await tables.savePiece({ destination: objects.url, collection, segment: staged.segment });
    return [staged.segment];
  }

  /** A piece of an earlier try that goes on where we stand. */
  #pieceFrom(collection: string, from: number): Segment | null {
    const found = this.#making.pieces.find(
      ({ collection: of, segment }) => of === collection && segment.fromSequence === from,
    );
    return found?.segment ?? null;
  }

  async #export(moment: Moment, collection: string, range: SequenceRange): Promise<Staged> {
    const { scratch, incarnation, signal } = this.#making;
    const { files } = this.#env;
    this.#files += 1;
    const path = `${scratch}/${this.#files}.parquet`;
    const contents = await moment.export(collection, range, path);
    const { sha256, sizeBytes } = await hashOf(readFile(files, path), signal);
    return {
      path,
      segment: {
        file: `${incarnation}/${sha256}.parquet`,
        bytes: sizeBytes,
        sha256,
        ...contents,
        fromSequence: range.from,
        toSequence: range.to,
      },
    };
  }

  #atOneMoment<T>(work: (moment: Moment) => Promise<T>): Promise<T> {
    return atOneMoment(this.#env, this.#making, work);
  }
}

/** The commit up to which the files hold everything; what they lack before it is dead. */
function covered(segments: readonly Segment[]): number {
  return segments.reduce((last, { toSequence }) => Math.max(last, toSequence), 0);
}
