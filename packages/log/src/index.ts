/** A checksummed append-only log with group commit; docs/formats/log.md has its layout. */
export { checkLog, type LogCheck, type LogFinding } from "./check-log.ts";
export type { LogFrame } from "./frame-file.ts";
export { type AppendedFrame, discardLog, type Log, type LogOptions, openLog } from "./log.ts";
