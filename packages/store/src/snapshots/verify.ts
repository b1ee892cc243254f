/**
 * Verifying a snapshot: every file is read back from the destination and compared with its manifest, byte by byte
 * (checksum), row by row (count, digest, bounds) and all together (the digest of every collection).
 */

import type { Env } from "@epsilon/env";
import {
  addDigests,
  type Digest,
  EpsilonError,
  emptyDigest,
  formatDigest,
  parseDigest,
} from "@epsilon/model";
import { type Objects, readAll } from "@epsilon/objects";
import { ParquetReader } from "../embedded/parquet.ts";
import { clearFolder, fetchFile } from "./files.ts";
import {
  encodeManifest,
  type Manifest,
  type ManifestCollection,
  manifestName,
  parseManifest,
  type Segment,
} from "./manifest.ts";
import { manifestBytesMax } from "./sweep.ts";

export interface Verifying {
  readonly objects: Objects;
  readonly manifest: Manifest;
  /** A folder of our own. */
  readonly scratch: string;
  /** Recompute the version of every event. */
  readonly deep: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: { readonly bytes: number; readonly ofBytes: number }) => void;
}

export interface Verified {
  /** What is wrong, for people; sound if there is none. */
  readonly findings: readonly string[];
  readonly files: number;
  readonly bytes: number;
}

const memoryBytesMax = 512_000_000;

/** Rejects only if it could not be told: the destination does not answer, or the disk here is full. */
export async function verifyManifest(env: Env, verifying: Verifying): Promise<Verified> {
  const { manifest, scratch } = verifying;
  await clearFolder(env.files, scratch);
  const reader = await ParquetReader.open(env.clock, { spill: `${scratch}/spill`, memoryBytesMax });
  const findings: string[] = [];
  let bytes = 0;
  const all = manifest.collections.flatMap(({ segments }) => segments);
  const ofBytes = all.reduce((sum, segment) => sum + segment.bytes, 0);
  try {
    await noting(findings, () => compareManifest(verifying));
    for (const collection of manifest.collections) {
      const needsJoin = hasOverlap(collection);
      if (needsJoin) await reader.beginJoin();
      let isComplete = true;
      for (const segment of collection.segments) {
        const isSound = await noting(findings, () =>
          verifySegment(env, { verifying, reader, collection, segment, needsJoin }),
        );
        isComplete &&= isSound;
        bytes += segment.bytes;
        verifying.onProgress?.({ bytes, ofBytes });
      }
      if (needsJoin && isComplete)
        await noting(findings, () => compareJoined(reader, collection, verifying.signal));
    }
  } finally {
    reader.close();
    await clearFolder(env.files, scratch);
  }
  return { findings, files: all.length, bytes };
}

/** Damage is a finding; everything else ends the verification. */
async function noting(findings: string[], work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    const isDamage =
      error instanceof EpsilonError &&
      (error.code === "destination_damaged" ||
        error.code === "object_not_found" ||
        error.code === "table_damaged");
    if (!isDamage) throw error;
    findings.push(error.message);
    return false;
  }
}

async function compareManifest({ objects, manifest, signal }: Verifying): Promise<void> {
  const name = manifestName(manifest);
  const bytes = await readAll(objects, name, { bytesMax: manifestBytesMax, signal });
  const there = encodeManifest(parseManifest(bytes, name));
  if (Buffer.from(there).equals(encodeManifest(manifest))) return;
  throw new EpsilonError("destination_damaged", `${name} is another manifest than the one that was written`);
}

async function verifySegment(
  env: Env,
  about: {
    readonly verifying: Verifying;
    readonly reader: ParquetReader;
    readonly collection: ManifestCollection;
    readonly segment: Segment;
    readonly needsJoin: boolean;
  },
): Promise<void> {
  const { verifying, reader, collection, segment, needsJoin } = about;
  const { objects, manifest, scratch, signal } = verifying;
  const path = `${scratch}/segment.parquet`;
  const name = `${manifest.instance}/${segment.file}`;
  const { sha256, bytes } = segment;
  await fetchFile(env.files, objects, { name, sha256, bytes, path }, signal);
  const found = await reader.contents(path, signal);
  if (found.rows !== segment.rows || found.digest !== segment.digest) {
    throw new EpsilonError(
      "destination_damaged",
      `${name} has ${found.rows} rows and another digest than the manifest says (${segment.rows} rows)`,
    );
  }
  if (needsJoin) await reader.join(path);
  if (!verifying.deep) return;
  const damaged = await reader.countDamaged(path, collection.columns, signal);
  if (damaged === 0) return;
  throw new EpsilonError(
    "destination_damaged",
    `${name}: ${damaged} of ${found.rows} events of ${collection.name} do not have the version that their fields come to`,
  );
}

async function compareJoined(
  reader: ParquetReader,
  collection: ManifestCollection,
  signal: AbortSignal,
): Promise<void> {
  const joined = await reader.joined(collection.horizonMicros, signal);
  if (joined.digest === collection.digest && joined.events === collection.events) return;
  throw new EpsilonError(
    "destination_damaged",
    `the files of ${collection.name} come to ${joined.events} events, the manifest says ${collection.events}: they do not belong together`,
  );
}

/** Whether the files hold more than their winners: replaced, deleted or purged rows. Else they simply add up. */
export function hasOverlap({ segments, digest, events, tombstones }: ManifestCollection): boolean {
  const total = segments.reduce<Digest>(
    (sum, segment) => addDigests(sum, parseDigest(segment.digest, segment.rows)),
    emptyDigest,
  );
  return total.count !== events + tombstones || formatDigest(total) !== digest;
}
