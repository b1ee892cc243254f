/** HTTP over a store. */
export { defaultServerLimits, type RunningServer, type ServerLimits, type ServerOptions } from "./options.ts";
export { assertListenAllowed, isLoopbackName, parseOrigin } from "./origin.ts";
export { createServer } from "./server.ts";
export { assertTlsWorks } from "./tls.ts";
export { parseTokens, type Scope, scopes, type TokenTable } from "./tokens.ts";
