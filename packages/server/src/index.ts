/** HTTP over a store, and what else can be served is built from. */
export type { Handler, HttpContext, Route } from "./context.ts";
export { sendError, sendJson, sendText } from "./http/answer.ts";
export { BodyBudget, readBody } from "./http/body.ts";
export { hasClaim } from "./http/claim.ts";
export {
  collectionOf,
  parseCount,
  parseObject,
  pathParameter,
  queryParameters,
  readJson,
} from "./http/parameters.ts";
export { loadZstd } from "./http/zstd.ts";
export { createHttpServer } from "./http-server.ts";
export { type Metrics, registerHttp } from "./metrics/http-metrics.ts";
export {
  defaultServerLimits,
  type ListenOptions,
  type RunningServer,
  type ServerLimits,
  type ServerOptions,
} from "./options.ts";
export { assertListenAllowed, isLoopbackName, parseOrigin } from "./origin.ts";
export { signalOfClose } from "./routes/events.ts";
export { createServer } from "./server.ts";
export { assertTlsWorks } from "./tls.ts";
export { allows, parseTokens, type Scope, scopes, type TokenTable } from "./tokens.ts";
