/** What a snapshot consists of, and whether that is there. */

import type { Objects } from "@epsilon/objects";
import type { InstanceIdentity } from "../event-store.ts";
import type { SnapshotInfo } from "../snapshots.ts";
import { isAtLeast, type SnapshotKind } from "./keeping.ts";
import { type Manifest, parseManifest } from "./manifest.ts";
import type { Piece, SnapshotRecord, SourceCursor } from "./snapshot-tables.ts";

/** What a manifest says about itself, for people. */
export function describe(manifest: Manifest): Pick<SnapshotInfo, "collections" | "files" | "bytes"> {
  const segments = manifest.collections.flatMap((collection) => collection.segments);
  return {
    collections: manifest.collections.map(({ name, events, tombstones, digest }) => ({
      name,
      events,
      tombstones,
      digest,
    })),
    files: segments.length,
    bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Where every source stands in a snapshot. */
export function cursorsOf(manifest: Manifest): readonly SourceCursor[] {
  return manifest.collections.flatMap(({ name, sources }) =>
    sources.flatMap(({ source, streams }) =>
      streams.map(({ cursor }) => ({ collection: name, source, cursor })),
    ),
  );
}

/** What lies at the destination under an instance: sizes in bytes by name. */
export async function sizesAt(
  objects: Objects,
  instance: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const listed = await objects.list(`${instance}/`, signal);
  return new Map(listed.map(({ name, sizeBytes }) => [name, sizeBytes]));
}

function isWhole(manifest: Manifest, present: ReadonlyMap<string, number>): boolean {
  return manifest.collections.every(({ segments }) =>
    segments.every(({ file, bytes }) => present.get(`${manifest.instance}/${file}`) === bytes),
  );
}

/** Whether a piece of an earlier try is still there. */
export function isPresent(
  { destination, segment }: Piece,
  at: {
    readonly objects: Objects;
    readonly identity: InstanceIdentity;
    readonly present: ReadonlyMap<string, number>;
  },
): boolean {
  return (
    destination === at.objects.url && at.present.get(`${at.identity.id}/${segment.file}`) === segment.bytes
  );
}

/** The newest good snapshot of a kind or a rarer one that this database wrote and whose files are all still there. */
export function chooseBase(
  newestFirst: readonly SnapshotRecord[],
  wanted: {
    readonly kind: SnapshotKind;
    readonly destination: string;
    readonly present: ReadonlyMap<string, number>;
  },
): { readonly manifest: Manifest; readonly sequence: number } | null {
  for (const { info, manifest: encoded, sequence } of newestFirst) {
    if (info.state !== "good" || info.kind === "external" || encoded === null || sequence === null) continue;
    if (info.destination !== wanted.destination || !isAtLeast(info.kind, wanted.kind)) continue;
    const manifest = parseManifest(encoded, info.id);
    if (isWhole(manifest, wanted.present)) return { manifest, sequence };
  }
  return null;
}
