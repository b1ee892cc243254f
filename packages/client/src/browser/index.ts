/** What a page gets as `epsilon-db-client`: the client, without what needs files. Imports nothing of Node. */
export { EpsilonError, type ErrorCode } from "@epsilon/model";
export type { Client } from "../client/client.ts";
export type { LoopStatus } from "../client/lag.ts";
export type { EventInput } from "../client/name-events.ts";
export type { ClientSettings, ClientStatus, PushOptions, ReadOptions } from "../client/options.ts";
export type { AnswerRow, EventsRequest } from "../http/answers.ts";
export type { RejectedBySource } from "../loop/rejected.ts";
export type { ReplicatorState } from "../loop/state.ts";
export type { Freshness } from "../reads/instances.ts";
export type { ReadAnswer } from "../reads/reader.ts";
export type { Acknowledgement } from "../replication/acknowledgement.ts";
export { type BrowserClientOptions, createClient } from "./create-client.ts";
