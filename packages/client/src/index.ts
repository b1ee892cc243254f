/**
 * What reads sources and talks to instances. No DuckDB. Published as `epsilon-db-client`, so what programs outside need
 * from the packages below is here too.
 */
export { createNodeEnv, type Env } from "@epsilon/env";
export { EpsilonError, type ErrorCode } from "@epsilon/model";
export { parseQuery, printQuery } from "@epsilon/query";
export { type Chunk, chunksOf } from "./client/chunks.ts";
export { Client } from "./client/client.ts";
export { createClient, replicate } from "./client/create-client.ts";
export { type ClientOptions, createDiskClient } from "./client/disk-client.ts";
export type { LoopStatus } from "./client/lag.ts";
export type { EventInput } from "./client/name-events.ts";
export type { ClientSettings, ClientStatus, PushOptions, ReadOptions } from "./client/options.ts";
export { readFileBytes } from "./files/bytes.ts";
export type { DecimalMark } from "./files/cells.ts";
export { type FileFormat, fileFormats, type ImportOptions, planImport } from "./files/import-options.ts";
export { type FileInput, fileInput, readFileEvents } from "./files/read-file-events.ts";
export type { FileEvent, FileStretch } from "./files/record-reader.ts";
export type { BadRecord } from "./files/records.ts";
export { timeDirectives } from "./files/strptime.ts";
export * from "./http/answers.ts";
export { errorOf, parseInstanceUrl } from "./http/exchange.ts";
export {
  createHttpClient,
  type HttpClient,
  type HttpClientOptions,
  type WriteOptions,
} from "./http/http-client.ts";
export { isWorthRetrying, type RetryOptions, withRetry } from "./http/retry.ts";
export type { TailedEvent, TailRequest } from "./http/tail.ts";
export type { RejectedBySource } from "./loop/rejected.ts";
export { sharedReads } from "./loop/shared-reads.ts";
export type { ReplicatorState } from "./loop/state.ts";
export {
  type PushOptions as FilePushOptions,
  type PushTotals,
  pushEvents,
  type RejectedEvent,
} from "./push/push-events.ts";
export type { AskFailure } from "./reads/ask.ts";
export { createReader } from "./reads/create-reader.ts";
export {
  type Freshness,
  Instances,
  type InstancesOptions as ReaderOptions,
  type OwnWrites,
} from "./reads/instances.ts";
export type { Behind } from "./reads/known-sources.ts";
export type { ReadEventsRequest } from "./reads/read-events.ts";
export type { ReadTailRequest } from "./reads/read-tail.ts";
export { type ReadAnswer, type ReadBy, Reader, type ReadQueryOptions } from "./reads/reader.ts";
export { type Acknowledgement, acknowledgements } from "./replication/acknowledgement.ts";
export { type Delivered, type DeliverOptions, deliver } from "./replication/deliver.ts";
export {
  type ClosableSource,
  type FileSourceSettings,
  fileSource,
  type ReplicateOptions,
  Replicating,
  type SourceMaker,
} from "./replication/replicate.ts";
export { type InstanceAddress, Replication } from "./replication/replication.ts";
export { type StallOptions, untilStalled } from "./replication/until-stalled.ts";
export { FileSource, type FileSourceOptions, fileSourceName } from "./sources/file-source.ts";
export { FollowedFile } from "./sources/followed-file.ts";
export type { FiniteSource, ResumePoint, Source, SourceChunk } from "./sources/source.ts";
export { checkSpool, type SpoolCheck } from "./spool/check-spool.ts";
export { type DeadLetter, readDeadLetters } from "./spool/dead-letters.ts";
export { type Asked, askStatus } from "./status/ask-status.ts";
export {
  type InstanceSaid,
  type Place,
  reportStatus,
  type StatusReport,
  type StreamReport,
} from "./status/report.ts";
