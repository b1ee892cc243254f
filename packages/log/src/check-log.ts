/** Looking a log through from end to end, without changing a byte of it. */

import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { FrameFile, fileName, type LogFrame } from "./frame-file.ts";
import { greatestSynced, listStarts } from "./recover.ts";

/** A place that does not verify. */
export interface LogFinding {
  readonly code: "log_damaged" | "data_from_newer_version";
  readonly file: string;
  /** Byte position in the file. */
  readonly offset: number;
  readonly message: string;
}

export interface LogCheck {
  /** How many frames verify. */
  readonly frames: number;
  readonly sizeBytes: number;
  readonly startOffset: number;
  /** End of the last frame that verifies. */
  readonly endOffset: number;
  /** Bytes behind it that the next open cuts off: what a crash left of frames that nobody was promised. */
  readonly tornBytes: number;
  readonly findings: readonly LogFinding[];
}

/**
 * Reads every frame in `directory` and verifies it; goes on after damage at the next frame that verifies.
 *
 * @param onFrame gets each frame that verifies, in order
 * @throws EpsilonError only those of the file system
 */
export async function checkLog(
  env: Env,
  directory: string,
  onFrame?: (frame: LogFrame) => void | Promise<void>,
): Promise<LogCheck> {
  const starts = await listStarts(env, directory);
  const findings: LogFinding[] = [];
  const sums = { frames: 0, sizeBytes: 0, endOffset: starts[0] ?? 0, tornBytes: 0 };
  for (const [index, start] of starts.entries()) {
    const next = starts[index + 1];
    const file = await FrameFile.open(env, directory, start);
    sums.sizeBytes += file.sizeBytes;
    sums.endOffset = start;
    const report = (at: number, message: string, code: LogFinding["code"] = "log_damaged"): void => {
      findings.push({ code, file: file.path, offset: at - start, message });
    };
    try {
      for (let at = start; at < file.end; ) {
        const found = await file.frameAt(at);
        if (found.kind === "frame") {
          sums.frames += 1;
          await onFrame?.(found.frame);
          at = found.frame.end;
          sums.endOffset = at;
          continue;
        }
        if (next === undefined && (await greatestSynced(file, at)) <= at) {
          sums.tornBytes = file.end - at;
          break;
        }
        report(at, found.reason);
        at = (await file.frameAfter(at))?.frame.start ?? file.end;
      }
      if (next !== undefined && file.end !== next)
        report(Math.min(file.end, next), `it ends at offset ${file.end}, and ${fileName(next)} follows`);
    } catch (error) {
      if (!(error instanceof EpsilonError) || error.code !== "data_from_newer_version") throw error;
      report(sums.endOffset, error.message, "data_from_newer_version");
    } finally {
      await file.close();
    }
  }
  return { ...sums, startOffset: starts[0] ?? 0, findings };
}
