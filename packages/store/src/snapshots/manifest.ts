/**
 * A snapshot's manifest: what it consists of, written last, so that a snapshot is there when its manifest is.
 *
 * Two lines: the manifest as JSON, and `{"sha256":…}` of the first line. docs/formats/snapshot.md is the page for people.
 */

import { createHash } from "node:crypto";
import {
  EpsilonError,
  type FieldType,
  formatTimestamp,
  parseCollectionName,
  parseTimestamp,
} from "@epsilon/model";
import type { SourceInfo } from "../event-store.ts";
import type { SnapshotKind } from "./keeping.ts";

export const manifestFormat = 1;

/** One Parquet file: rows of one collection that were written by the commits after `fromSequence` up to `toSequence`. */
export interface Segment {
  /** Below the instance's folder: `<incarnation>/<sha256>.parquet`. */
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Events and tombstones. */
  readonly rows: number;
  /** Of all rows, as the digest's 64 hex digits. */
  readonly digest: string;
  readonly firstTsMicros: bigint;
  readonly lastTsMicros: bigint;
  /** Numbers of the database that wrote it; those of another mean nothing here. */
  readonly fromSequence: number;
  readonly toSequence: number;
}

export interface ManifestCollection {
  readonly name: string;
  readonly horizonMicros: bigint | null;
  readonly events: number;
  readonly tombstones: number;
  /** Of events and tombstones together: what the join of all segments above the horizon has. */
  readonly digest: string;
  readonly columns: readonly { readonly field: string; readonly type: FieldType; readonly name: string }[];
  readonly segments: readonly Segment[];
  /** As far as they are in the tables. */
  readonly sources: readonly SourceInfo[];
  /** Lines that the tables refused. */
  readonly setAside: readonly { readonly line: string; readonly error: string }[];
}

export interface Manifest {
  readonly id: string;
  readonly instance: string;
  readonly incarnation: string;
  readonly number: number;
  readonly kind: SnapshotKind;
  readonly createdAtMicros: bigint;
  /** The commit up to which it holds everything. */
  readonly sequence: number;
  readonly base: string | null;
  readonly collections: readonly ManifestCollection[];
}

/** `<incarnation>-<number>`. */
export function snapshotId(incarnation: string, number: number): string {
  return `${incarnation}-${number}`;
}

/** Below the destination. */
export function manifestName({
  instance,
  incarnation,
  number,
}: Pick<Manifest, "instance" | "incarnation" | "number">): string {
  return `${instance}/${incarnation}/${String(number).padStart(6, "0")}.json`;
}

const manifestPattern = /^([A-Za-z0-9_-]+)\/([A-Za-z0-9_-]+)\/(\d{6,15})\.json$/;

/** What a name at the destination says, if it is a manifest's. */
export function parseManifestName(
  name: string,
): { readonly instance: string; readonly incarnation: string; readonly number: number } | null {
  const [, instance, incarnation, digits] = manifestPattern.exec(name) ?? [];
  if (instance === undefined || incarnation === undefined) return null;
  return { instance, incarnation, number: Number(digits) };
}

/** The manifest as it is kept. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const line = JSON.stringify({ format: manifestFormat, ...toJson(manifest) });
  const sha256 = createHash("sha256").update(line).digest("hex");
  return new TextEncoder().encode(`${line}\n${JSON.stringify({ sha256 })}\n`);
}

/** Throws `destination_damaged` (it is not what was written) or `data_from_newer_version`. */
export function parseManifest(bytes: Uint8Array, name: string): Manifest {
  const [line = "", seal = "", end, ...more] = new TextDecoder().decode(bytes).split("\n");
  const sha256 = createHash("sha256").update(line).digest("hex");
  if (seal !== JSON.stringify({ sha256 }) || end !== "" || more.length > 0) {
    throw new EpsilonError(
      "destination_damaged",
      `the manifest ${name} is not what was written: its checksum differs`,
    );
  }
  const value = JSON.parse(line) as ManifestJson & { readonly format: number };
  if (value.format > manifestFormat) {
    throw new EpsilonError(
      "data_from_newer_version",
      `the snapshot ${name} has format ${value.format}, this release knows up to ${manifestFormat}; use the newer release`,
    );
  }
  return fromJson(value);
}

interface ManifestJson {
  readonly id: string;
  readonly instance: string;
  readonly incarnation: string;
  readonly number: number;
  readonly kind: SnapshotKind;
  readonly created_at: string;
  readonly sequence: number;
  readonly base: string | null;
  readonly collections: readonly CollectionJson[];
}

interface CollectionJson {
  readonly name: string;
  readonly horizon: string | null;
  readonly events: number;
  readonly tombstones: number;
  readonly digest: string;
  readonly columns: ManifestCollection["columns"];
  readonly segments: readonly SegmentJson[];
  readonly sources: readonly SourceJson[];
  readonly set_aside: ManifestCollection["setAside"];
}

interface SegmentJson {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly rows: number;
  readonly digest: string;
  readonly first_ts: string;
  readonly last_ts: string;
  readonly from_sequence: number;
  readonly to_sequence: number;
}

interface SourceJson {
  readonly source: string;
  readonly received: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly conflicts: number;
  readonly streams: readonly {
    readonly stream: string;
    readonly cursor: string;
    readonly gaps: SourceInfo["streams"][number]["gaps"];
    readonly updated_at: string;
  }[];
}

function toJson(manifest: Manifest): ManifestJson {
  const { id, instance, incarnation, number, kind, sequence, base } = manifest;
  return {
    id,
    instance,
    incarnation,
    number,
    kind,
    created_at: formatTimestamp(manifest.createdAtMicros),
    sequence,
    base,
    collections: manifest.collections.map((one) => ({
      name: one.name,
      horizon: one.horizonMicros === null ? null : formatTimestamp(one.horizonMicros),
      events: one.events,
      tombstones: one.tombstones,
      digest: one.digest,
      columns: one.columns,
      segments: one.segments.map((segment) => ({
        file: segment.file,
        bytes: segment.bytes,
        sha256: segment.sha256,
        rows: segment.rows,
        digest: segment.digest,
        first_ts: formatTimestamp(segment.firstTsMicros),
        last_ts: formatTimestamp(segment.lastTsMicros),
        from_sequence: segment.fromSequence,
        to_sequence: segment.toSequence,
      })),
      sources: one.sources.map(({ streams, ...source }) => ({
        ...source,
        streams: streams.map(({ stream, cursor, gaps, updatedAtMicros }) => ({
          stream,
          cursor,
          gaps,
          updated_at: formatTimestamp(updatedAtMicros),
        })),
      })),
      set_aside: one.setAside,
    })),
  };
}

function fromJson(value: ManifestJson): Manifest {
  const { id, instance, incarnation, number, kind, sequence, base } = value;
  return {
    id,
    instance,
    incarnation,
    number,
    kind,
    createdAtMicros: parseTimestamp(value.created_at),
    sequence,
    base,
    collections: value.collections.map((one) => ({
      name: parseCollectionName(one.name),
      horizonMicros: one.horizon === null ? null : parseTimestamp(one.horizon),
      events: one.events,
      tombstones: one.tombstones,
      digest: one.digest,
      columns: one.columns,
      segments: one.segments.map((segment) => ({
        file: segment.file,
        bytes: segment.bytes,
        sha256: segment.sha256,
        rows: segment.rows,
        digest: segment.digest,
        firstTsMicros: parseTimestamp(segment.first_ts),
        lastTsMicros: parseTimestamp(segment.last_ts),
        fromSequence: segment.from_sequence,
        toSequence: segment.to_sequence,
      })),
      sources: one.sources.map(({ streams, ...source }) => ({
        ...source,
        streams: streams.map(({ stream, cursor, gaps, updated_at }) => ({
          stream,
          cursor,
          gaps,
          snapshotted: null,
          updatedAtMicros: parseTimestamp(updated_at),
        })),
      })),
      setAside: one.set_aside,
    })),
  };
}
