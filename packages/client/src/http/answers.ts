/** What instances answer, in the words of the HTTP interface. Readers ignore members they do not know. */

export interface Rejection {
  readonly index: number;
  readonly code: string;
  readonly message: string;
}

export interface WriteAnswer {
  readonly received: number;
  /** null where only durability was waited for. */
  readonly stored: number | null;
  readonly duplicates: number | null;
  readonly rejected: readonly Rejection[];
  readonly conflicts: readonly { readonly index: number; readonly kept: string }[];
  readonly cursor: string | null;
  readonly snapshotted: string | null;
}

/** What a source says with a batch; see `formatCursor` and `formatGap`. */
export interface WriteClaim {
  readonly source: string;
  /** The cursor that the batch follows; null at the beginning of a stream, `*` with a gap. */
  readonly after: string | null;
  readonly cursor: string;
  readonly gap?: string;
}

export interface QueryNote {
  readonly code: string;
  readonly message: string;
}

export type AnswerRow = Readonly<Record<string, unknown>>;

export interface QueryAnswer {
  readonly query: Readonly<Record<string, unknown>>;
  readonly summary?: readonly AnswerRow[];
  readonly series?: readonly AnswerRow[];
  readonly events?: readonly AnswerRow[];
  readonly meta: {
    readonly instance: string;
    readonly elapsed_ms: number;
    readonly events_scanned: number;
    readonly notes: readonly QueryNote[];
    /** How far each source had come when the answer was made; where the query asked for it. */
    readonly sources?: Readonly<Record<string, readonly StreamAnswer[]>>;
  };
}

export interface CollectionAnswer {
  readonly name: string;
  readonly events: number;
  readonly first_ts: string | null;
  readonly last_ts: string | null;
  readonly bytes_on_disk: number;
  readonly retention: string | null;
}

export interface StreamAnswer {
  readonly stream: string;
  /** null where the instance lost what it stood for. */
  readonly cursor: string | null;
  readonly snapshotted: string | null;
  readonly gaps: readonly { readonly from: number | null; readonly to: number; readonly reason: string }[];
  readonly updated_at: string;
}

export interface SourceAnswer {
  readonly source: string;
  readonly streams: readonly StreamAnswer[];
  readonly received: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly conflicts: number;
}

/** How far a relay is with one instance. */
export interface RelayLoopAnswer {
  readonly url: string;
  readonly instance: string | null;
  readonly collection: string;
  readonly source: string;
  readonly phase: string;
  readonly cursor: string | null;
  readonly lag: number | null;
  readonly lag_bytes: number;
  readonly lag_seconds: number;
  readonly last_error: { readonly code: string; readonly message: string } | null;
  readonly retries: number;
  readonly duplicates: number | null;
  readonly rejected: number;
}

export interface RelayAnswer {
  readonly id: string;
  readonly version: string;
  readonly source: string;
  readonly spool: { readonly bytes: number; readonly limit_bytes: number };
  readonly loops: readonly RelayLoopAnswer[];
  /** Events that some instance refused, since the start. */
  readonly dead_letters: number;
  readonly lost: number;
}

export interface InstanceAnswer {
  readonly id: string;
  readonly incarnation: string;
  readonly restored_from: string | null;
  readonly version: string;
  readonly started_at: string;
}

export interface EventsRequest {
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly filter?: string | undefined;
  readonly order?: "asc" | "desc" | undefined;
  readonly limit?: number | undefined;
}
