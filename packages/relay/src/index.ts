/** The relay: the replicating client as a server. */
export { createRelay, type RelayOptions, type RunningRelay } from "./relay.ts";
