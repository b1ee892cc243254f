/**
 * Shapes: which member names follow each other in an event. Programs send the same few shapes over and over, so a
 * shape is worked out once (its canonical order, its checks) and found again by comparing bytes: a tree whose edges
 * are member names as they stand in the body.
 */

import { limits } from "@epsilon/model";

/** What the bytes of a value were. Fields' types are bits of a mask (1 text, 2 number, 4 boolean). */
export const valueKind = { absent: 0, text: 1, number: 2, boolean: 4 } as const;

/** A place in the canonical text. */
export const partKind = { field: 0, id: 1, ts: 2 } as const;

/** What is worked out about a complete shape. */
export interface Shape {
  /** The canonical parts in order: which kind, which member of the body (-1: none, the id is ours to make). */
  readonly kinds: Uint8Array;
  readonly members: Int16Array;
  /**
   * For each part, what stands before its value (`,"name":`), one after another; part i ends at prefixEnds[i]. Three
   * bytes follow the last, so that it can be copied four bytes at a time.
   */
  readonly prefixes: DataView;
  readonly prefixEnds: Int32Array;
  /** Member names in the order of the body; null for `_ts` and `_id`. */
  readonly fields: readonly (string | null)[];
  readonly tsMember: number;
  readonly idMember: number;
}

/** After some member names. */
export interface ShapeNode {
  readonly names: readonly string[];
  readonly edges: ShapeEdge[];
  /** undefined: not worked out yet; null: these names need the careful path. */
  shape: Shape | null | undefined;
}

export interface ShapeEdge {
  /** The name's bytes, without quotes. */
  readonly name: Uint8Array;
  readonly node: ShapeNode;
}

/** Beyond this the tree is begun anew: somebody sends random names. */
const nodesMax = 20_000;
/** A node with more edges than this would be slow to search: such names are data, not a shape. */
const edgesMax = 64;

export class ShapeTree {
  #root: ShapeNode = newNode([]);
  #nodes = 0;

  get root(): ShapeNode {
    return this.#root;
  }

  /** Adds an edge; null where there are too many, or where the name needs the careful path. */
  grow(node: ShapeNode, name: Uint8Array): ShapeNode | null {
    if (node.edges.length >= edgesMax || name.length === 0 || name.length > limits.fieldNameBytesMax)
      return null;
    if (node.names.length >= limits.eventFieldsMax) return null;
    if (this.#nodes >= nodesMax) {
      this.#root = newNode([]);
      this.#nodes = 0;
      return null;
    }
    const bytes = Uint8Array.from(name);
    const next = newNode([...node.names, Buffer.from(bytes).toString("utf8")]);
    node.edges.push({ name: bytes, node: next });
    this.#nodes += 1;
    return next;
  }
}

function newNode(names: readonly string[]): ShapeNode {
  return { names, edges: [], shape: undefined };
}

/** The shape of a complete sequence of names. */
export function shapeOf(node: ShapeNode): Shape | null {
  if (node.shape === undefined) node.shape = workOut(node.names);
  return node.shape;
}

function workOut(names: readonly string[]): Shape | null {
  if (new Set(names).size !== names.length) return null;
  if (names.some((name) => name.startsWith("_") && name !== "_ts" && name !== "_id")) return null;
  const parts = names.map((name, member) => ({ name, member }));
  if (!names.includes("_id")) parts.push({ name: "_id", member: -1 });
  if (!names.includes("_ts")) parts.push({ name: "_ts", member: -1 });
  // By UTF-16 unit, as RFC 8785 has it.
  parts.sort((a, b) => (a.name < b.name ? -1 : 1));
  const prefixes = parts.map(({ name }) => Buffer.from(`,${JSON.stringify(name)}:`));
  let end = 0;
  return {
    kinds: Uint8Array.from(parts, ({ name }) =>
      name === "_id" ? partKind.id : name === "_ts" ? partKind.ts : partKind.field,
    ),
    members: Int16Array.from(parts, ({ member }) => member),
    prefixes: new DataView(Uint8Array.from(Buffer.concat([...prefixes, Buffer.alloc(3)])).buffer),
    prefixEnds: Int32Array.from(prefixes, (prefix) => (end += prefix.length)),
    fields: names.map((name) => (name === "_ts" || name === "_id" ? null : name)),
    tsMember: names.indexOf("_ts"),
    idMember: names.indexOf("_id"),
  };
}
