/** What the operating system says, translated into Epsilon's errors. */

import { EpsilonError, type ErrorCode } from "@epsilon/model";

const codes: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: "disk_full",
  EDQUOT: "disk_full",
  EACCES: "data_not_writable",
  EPERM: "data_not_writable",
  EROFS: "data_not_writable",
  ENOENT: "file_not_found",
};

const advice: Partial<Record<ErrorCode, string>> = {
  disk_full: "the disk is full; make room and try again",
  data_not_writable: "it cannot be written or read; give this user the rights to the folder",
  file_not_found: "it does not exist; check the path",
};

/**
 * The EpsilonError for a failed file operation.
 *
 * @param doing what was attempted, as `append to`
 */
export function fileError(doing: string, path: string, cause: unknown): EpsilonError {
  if (cause instanceof EpsilonError) return cause;
  const errno = errnoOf(cause);
  const code = codes[errno] ?? "io_error";
  const why = errno === "EEXIST" ? "it exists already; remove it or choose another name" : advice[code];
  return new EpsilonError(
    code,
    `cannot ${doing} ${path}: ${why ?? `the file system refused (${errno}); check the disk and try again`}`,
    { details: { file: path, errno }, cause },
  );
}

/** The `code` of a Node error (`ENOENT`, …), or `unknown`. */
export function errnoOf(cause: unknown): string {
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
  return "unknown";
}
