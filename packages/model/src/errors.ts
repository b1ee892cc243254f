/**
 * Every error that Epsilon can answer with: one class, one table.
 *
 * Programs compare `code`, never the message. `kind` says how it is treated: `caller` (the request is wrong; say
 * what to do), `operating` (the world is in the way; retry or make room), `damage` (stored bytes do not verify; name
 * the place). `status` is the HTTP status, `exit` the exit code of the command line.
 */

interface ErrorRow {
  readonly status: number;
  readonly exit: 1 | 2;
  readonly kind: "caller" | "operating" | "damage";
  readonly meaning: string;
}

/** The table. Add a row here before throwing a new code; `docs/errors.md` is checked against it. */
export const errors = {
  // Writing: one event is bad (listed under `rejected`), the rest of its batch is stored.
  bad_json: { status: 400, exit: 2, kind: "caller", meaning: "the text is not JSON" },
  bad_utf8: { status: 400, exit: 2, kind: "caller", meaning: "the bytes are not UTF-8" },
  not_an_object: { status: 400, exit: 2, kind: "caller", meaning: "an event is a JSON object" },
  bad_timestamp: {
    status: 400,
    exit: 2,
    kind: "caller",
    meaning: "_ts is RFC 3339 or milliseconds since 1970",
  },
  missing_timestamp: {
    status: 400,
    exit: 2,
    kind: "caller",
    meaning: "_id and _key need a _ts, the key is both",
  },
  bad_id: { status: 400, exit: 2, kind: "caller", meaning: "_id is a UUID" },
  bad_key: { status: 400, exit: 2, kind: "caller", meaning: "_key is a string, and stands without _id" },
  bad_revision: { status: 400, exit: 2, kind: "caller", meaning: "_rev is an integer from 0 to 2^53-1" },
  bad_deleted: { status: 400, exit: 2, kind: "caller", meaning: "_deleted is true or false" },
  bad_number: { status: 400, exit: 2, kind: "caller", meaning: "a number that a double cannot hold" },
  bad_string: { status: 400, exit: 2, kind: "caller", meaning: "a lone surrogate or a NUL in a text" },
  bad_field_name: {
    status: 400,
    exit: 2,
    kind: "caller",
    meaning: "a field name is empty or not valid text",
  },
  reserved_field: { status: 400, exit: 2, kind: "caller", meaning: "names that begin with _ are Epsilon's" },
  duplicate_field: { status: 400, exit: 2, kind: "caller", meaning: "two fields of one name" },
  unnamed_event: {
    status: 400,
    exit: 2,
    kind: "caller",
    meaning: "with a source, an event carries _ts and _id",
  },
  purged: {
    status: 400,
    exit: 2,
    kind: "caller",
    meaning: "the key is at or below the collection's horizon",
  },
  forbidden_field: { status: 403, exit: 2, kind: "caller", meaning: "this token may only append new events" },
  too_many_fields: { status: 413, exit: 2, kind: "caller", meaning: "more fields than an event may have" },
  too_deep: { status: 413, exit: 2, kind: "caller", meaning: "objects or arrays nested too deeply" },
  field_name_too_long: { status: 413, exit: 2, kind: "caller", meaning: "a field name is too long" },
  string_too_long: { status: 413, exit: 2, kind: "caller", meaning: "a text value is too long" },
  event_too_large: { status: 413, exit: 2, kind: "caller", meaning: "an event is too large" },
  bad_row: { status: 400, exit: 2, kind: "caller", meaning: "a row of CSV does not fit its header" },
  set_aside: {
    status: 500,
    exit: 2,
    kind: "damage",
    meaning: "the table refused the event; it is kept aside, see check",
  },
  // Writing: the whole request is refused, nothing is stored.
  empty_body: { status: 400, exit: 2, kind: "caller", meaning: "the request has no events" },
  body_too_large: { status: 413, exit: 2, kind: "caller", meaning: "the body is too large" },
  too_many_events: { status: 413, exit: 2, kind: "caller", meaning: "more events than a batch may have" },
  bad_encoding: {
    status: 400,
    exit: 2,
    kind: "caller",
    meaning: "the body does not decode as its Content-Encoding",
  },
  unsupported_encoding: {
    status: 415,
    exit: 2,
    kind: "caller",
    meaning: "Content-Encoding is gzip, zstd or identity",
  },
  bad_source: { status: 400, exit: 2, kind: "caller", meaning: "Epsilon-Source is not a source name" },
  bad_cursor: {
    status: 400,
    exit: 2,
    kind: "caller",
    meaning: "a cursor does not parse or does not lead further",
  },
  bad_gap: { status: 400, exit: 2, kind: "caller", meaning: "Epsilon-Gap does not parse" },
  cursor_mismatch: { status: 409, exit: 1, kind: "caller", meaning: "the instance stands at another cursor" },
  bad_collection: { status: 400, exit: 2, kind: "caller", meaning: "not a collection's name" },
  unknown_collection: { status: 404, exit: 2, kind: "caller", meaning: "no event was ever written to it" },
  unknown_source: { status: 404, exit: 2, kind: "caller", meaning: "no such source in this collection" },
  // Asking.
  bad_request: {
    status: 400,
    exit: 2,
    kind: "caller",
    meaning: "a parameter or the body is not as described",
  },
  bad_query: {
    status: 400,
    exit: 2,
    kind: "caller",
    meaning: "the query does not parse; line and column are in details",
  },
  query_too_large: {
    status: 413,
    exit: 2,
    kind: "caller",
    meaning: "the answer would have too many groups or rows",
  },
  query_timeout: { status: 408, exit: 2, kind: "operating", meaning: "the query ran past its deadline" },
  query_cancelled: { status: 499, exit: 2, kind: "operating", meaning: "the caller went away" },
  query_out_of_memory: {
    status: 507,
    exit: 2,
    kind: "operating",
    meaning: "the query needs more memory than it may have",
  },
  // Who may.
  unauthorized: { status: 401, exit: 2, kind: "caller", meaning: "a token is needed" },
  forbidden: { status: 403, exit: 2, kind: "caller", meaning: "the token's scope does not allow this" },
  foreign_origin: { status: 403, exit: 2, kind: "caller", meaning: "Origin or Host is not allowed here" },
  not_found: { status: 404, exit: 2, kind: "caller", meaning: "no such path" },
  method_not_allowed: { status: 405, exit: 2, kind: "caller", meaning: "the path does not take this method" },
  not_implemented: { status: 501, exit: 2, kind: "caller", meaning: "described, and not built yet" },
  usage: { status: 400, exit: 2, kind: "caller", meaning: "the command line is not understood" },
  // The instance.
  overloaded: {
    status: 429,
    exit: 2,
    kind: "operating",
    meaning: "too much is waiting; try again after Retry-After",
  },
  not_acknowledged: {
    status: 504,
    exit: 2,
    kind: "operating",
    meaning: "written, but not yet on as many instances as asked for",
  },
  relay_takes_no_cursor: {
    status: 400,
    exit: 2,
    kind: "caller",
    meaning: "a relay keeps its own cursors, and takes no source headers",
  },
  spool_full: {
    status: 507,
    exit: 2,
    kind: "operating",
    meaning: "the spool is full, because an instance is behind or gone",
  },
  disk_full: { status: 507, exit: 2, kind: "operating", meaning: "the disk is full" },
  data_in_use: {
    status: 503,
    exit: 2,
    kind: "operating",
    meaning: "another process has the data folder open",
  },
  data_not_writable: {
    status: 503,
    exit: 2,
    kind: "operating",
    meaning: "the data folder cannot be written",
  },
  data_from_newer_version: {
    status: 503,
    exit: 2,
    kind: "operating",
    meaning: "a newer release wrote this folder",
  },
  address_in_use: { status: 503, exit: 2, kind: "operating", meaning: "another process listens there" },
  insecure_address: {
    status: 400,
    exit: 2,
    kind: "caller",
    meaning: "not loopback, and neither tokens nor --insecure",
  },
  unreachable: { status: 503, exit: 2, kind: "operating", meaning: "no answer from the instance" },
  file_not_found: { status: 404, exit: 2, kind: "caller", meaning: "no such file" },
  io_error: { status: 500, exit: 2, kind: "operating", meaning: "the file system refused" },
  closed: { status: 503, exit: 2, kind: "operating", meaning: "it is closing or closed" },
  store_failed: {
    status: 503,
    exit: 2,
    kind: "operating",
    meaning: "a durable write failed; the process must restart",
  },
  log_damaged: {
    status: 500,
    exit: 2,
    kind: "damage",
    meaning: "a log frame before the tail fails its checksum",
  },
  table_damaged: { status: 500, exit: 2, kind: "damage", meaning: "a table or a row does not verify" },
  // Snapshots, and the place they are kept in.
  object_not_found: {
    status: 404,
    exit: 2,
    kind: "operating",
    meaning: "the destination has nothing of that name",
  },
  destination_unreachable: {
    status: 503,
    exit: 2,
    kind: "operating",
    meaning: "the snapshots' destination does not answer; try again later",
  },
  destination_refused: {
    status: 502,
    exit: 2,
    kind: "operating",
    meaning: "the destination refuses: wrong credentials, no such bucket or no permission",
  },
  no_destination: {
    status: 409,
    exit: 2,
    kind: "caller",
    meaning: "the instance was started without --snapshot-to",
  },
  unknown_snapshot: { status: 404, exit: 2, kind: "caller", meaning: "no such snapshot" },
  snapshot_running: {
    status: 409,
    exit: 2,
    kind: "operating",
    meaning: "another snapshot is still being made",
  },
  snapshot_in_use: { status: 409, exit: 2, kind: "caller", meaning: "the snapshot is still needed" },
  destination_damaged: {
    status: 500,
    exit: 1,
    kind: "damage",
    meaning: "what lies at the destination is not what was put there, or is missing",
  },
  folder_not_empty: { status: 409, exit: 2, kind: "caller", meaning: "a restore needs an empty folder" },
  restore_unfinished: {
    status: 503,
    exit: 2,
    kind: "operating",
    meaning: "the folder is half restored; run the same restore again",
  },
  internal: { status: 500, exit: 2, kind: "operating", meaning: "a bug; please report it" },
} as const satisfies Record<string, ErrorRow>;

/** The code of an error, as it stands in answers. */
export type ErrorCode = keyof typeof errors;

/** What went wrong, with a code for programs and a message for people that says what to do. */
export class EpsilonError extends Error {
  readonly code: ErrorCode;
  /** Places and values for logs and for clients: file, offset, line, column, cursor, … Never a secret. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly details?: Readonly<Record<string, unknown>>; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "EpsilonError";
    this.code = code;
    this.details = options.details ?? {};
  }

  /** The HTTP status that goes with the code. */
  get status(): number {
    return errors[this.code].status;
  }
}

/** An invariant of ours does not hold: a bug. Nothing catches it but the top, which reports it and ends. */
export class AssertionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "AssertionError";
  }
}

/** Throws an AssertionError unless `condition` holds. Stays on in production. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** The value, which cannot be absent here. Throws an AssertionError if it is. */
export function must<T>(value: T | null | undefined, message = "a value that must be there is absent"): T {
  if (value === undefined || value === null) throw new AssertionError(message);
  return value;
}

/** For the `default` of a switch that lists every case: a new case then fails to compile. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
