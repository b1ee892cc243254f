/**
 * What a spool without files is kept in: chunks by part and end, and a record a part. `IndexedStore` is a browser's
 * database, `MemoryStore` goes with the page; one suite holds both to what is said here.
 */

/** A chunk of a part, under the part's key and the position behind it. */
export interface StoredChunk {
  readonly part: string;
  readonly end: number;
  /** The check at the end. */
  readonly check: string;
  readonly events: number;
  /** What the part held behind this chunk, all that was ever written to it: two of them give the size between. */
  readonly bytes: number;
  readonly lines: Uint8Array;
}

/** A part: which life it is, and the place from which on its chunks are held. */
export interface PartRecord {
  /** `<collection>/<name>`. */
  readonly part: string;
  readonly stream: string;
  readonly position: number;
  readonly check: string;
  readonly bytes: number;
}

/** Every method rejects with `disk_full`, `io_error` or `closed`. What is written is durable when it settles. */
export interface ChunkStore {
  /** For people. */
  readonly place: string;
  /** The random part of the sources' names: the one that is kept, or else `drawn`, kept from now on. */
  id(drawn: string): Promise<string>;
  parts(): Promise<readonly PartRecord[]>;
  /** Makes a part, or changes one that is there. Nobody changes it in between. */
  change(part: string, to: (known: PartRecord | undefined) => PartRecord): Promise<PartRecord>;
  /** All of them or none. */
  add(chunks: readonly StoredChunk[]): Promise<void>;
  /** The last chunk that ends at or before a position. */
  lastUpTo(part: string, position: number): Promise<StoredChunk | undefined>;
  /** The chunks that end behind a position, in order, `count` at most. */
  after(part: string, position: number, count: number): Promise<readonly StoredChunk[]>;
  /** Drops the chunks that end at or before a position, and says so in the part's record. Need not be durable at once. */
  trim(part: string, position: number): Promise<PartRecord>;
  /** Keeps a refused event; the oldest go where there are too many. */
  setAside(letter: Readonly<Record<string, unknown>>): Promise<void>;
  /** The refused events, oldest first. */
  setAsides(): Promise<readonly Readonly<Record<string, unknown>>[]>;
  close(): void;
}

/** Of refused events, so many are kept. */
export const lettersMax = 1000;

/** The part's record after all up to a chunk is given up. */
export function startingAfter(part: PartRecord, chunk: StoredChunk | undefined): PartRecord {
  if (chunk === undefined || chunk.end <= part.position) return part;
  return { ...part, position: chunk.end, check: chunk.check, bytes: chunk.bytes };
}
