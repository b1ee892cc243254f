/**
 * HTTP over a store. Fastify routes and answers; bodies are read from the raw stream by whoever needs them, because
 * the write path has no time for anything else.
 *
 * Each request passes, in this order: the instance's name on the answer, Host and Origin, token and scope, handler.
 */

import * as http from "node:http";
import type { AddressInfo } from "node:net";
import type { Env } from "@epsilon/env";
import { EpsilonError } from "@epsilon/model";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { authorize } from "./access.ts";
import { Connections } from "./connections.ts";
import type { Route, ServerContext } from "./context.ts";
import { sendError } from "./http/answer.ts";
import { BodyBudget, expectContinue } from "./http/body.ts";
import { answerParserError } from "./http/parser-errors.ts";
import { loadZstd } from "./http/zstd.ts";
import { createMetrics } from "./metrics.ts";
import { defaultServerLimits, type RunningServer, type ServerLimits, type ServerOptions } from "./options.ts";
import {
  assertListenAllowed,
  checkOrigin,
  corsHeaders,
  type OriginPolicy,
  parseOrigin,
  preflightHeaders,
} from "./origin.ts";
import { methodsAt, methodsOf, routes } from "./routes/table.ts";
import { createTlsServer } from "./tls.ts";

/**
 * Starts a server over an open store. Settles when it listens.
 * Throws `insecure_address`, `address_in_use`, `bad_request` (an origin that is none) and `usage` (an address or a
 * certificate that does not work).
 */
export async function createServer(env: Env, options: ServerOptions): Promise<RunningServer> {
  const { listen, tokens, tls, insecure } = options;
  assertListenAllowed(listen.host, { tokens, insecure });
  const policy: OriginPolicy = {
    checksHost: tokens === undefined && !insecure,
    usesTls: tls !== undefined,
    allowOrigins: new Set(options.allowOrigins.map(parseOrigin)),
  };
  const closing = new AbortController();
  const context = await createContext(env, options, closing.signal);
  const connections = new Connections();
  const app = createApp(context, { options, policy, connections });
  await app.ready();
  const { server } = app;
  connections.watch(server, policy);
  const address = await startListening(server, options);
  let closed: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    closing.abort(
      new EpsilonError("closed", "the instance is closing: ask another, or again when it is back"),
    );
    for (const tail of context.tails) tail.abort();
    await connections.close(server, env.clock, context.limits.closeMs);
    await app.close();
  };
  return {
    address,
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

async function createContext(env: Env, options: ServerOptions, closing: AbortSignal): Promise<ServerContext> {
  const { store } = options;
  const limits: ServerLimits = { ...defaultServerLimits, ...options.limits };
  const tails = new Set<AbortController>();
  const budget = new BodyBudget(limits.inFlightBytesMax);
  return {
    env,
    store,
    limits,
    version: options.version,
    instance: `${store.identity.id}/${store.identity.incarnation}`,
    hasTokens: options.tokens !== undefined,
    zstd: await loadZstd(),
    budget,
    metrics: createMetrics(store, { tails: () => tails.size, bodyBytes: () => budget.bytes }),
    closing,
    tails,
    onFatal: options.onFatal ?? (() => undefined),
  };
}

interface AppParts {
  readonly options: ServerOptions;
  readonly policy: OriginPolicy;
  readonly connections: Connections;
}

function createApp(context: ServerContext, { options, policy, connections }: AppParts): FastifyInstance {
  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: context.limits.headerBytesMax },
    frameworkErrors: (error, request, reply) => {
      sendError(context, request, { error, reply }).catch(() => reply.raw.destroy());
    },
    serverFactory: (handle) =>
      createNodeServer(context, options, (request, response) => {
        connections.begin(response);
        response.setHeader("Epsilon-Instance", context.instance);
        response.setHeader("X-Content-Type-Options", "nosniff");
        // Bodies are read as they are, whatever they are said to be; Fastify would refuse types that it cannot parse.
        delete request.headers["content-type"];
        handle(request, response);
      }),
  });
  app.decorateRequest("access", null);
  app.decorateRequest("startedMs", 0);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null, undefined));
  app.addHook("onRequest", (request, reply, done) => {
    done(admit(context, request, { reply, policy }));
  });
  app.setErrorHandler((error, request, reply) => sendError(context, request, { error, reply }));
  app.setNotFoundHandler((request, reply) => answerNoRoute(request, reply));
  for (const route of routes) addRoute(app, context, { route, options });
  return app;
}

/** What happens to every request first. Gives back why it is refused, if it is. */
function admit(
  context: ServerContext,
  request: FastifyRequest,
  { reply, policy }: { readonly reply: FastifyReply; readonly policy: OriginPolicy },
): Error | undefined {
  const { clock } = context.env;
  request.startedMs = clock.elapsedMs();
  reply.raw.once("close", () => {
    context.metrics.requestDone({
      method: request.method,
      route: request.routeOptions.url ?? "none",
      status: reply.raw.statusCode,
      elapsedMs: clock.elapsedMs() - request.startedMs,
    });
  });
  try {
    if (request.headers.host === undefined && request.raw.httpVersion === "1.1") {
      reply.header("connection", "close");
      throw new EpsilonError("bad_request", "the header Host is missing, which HTTP/1.1 asks for");
    }
    const origin = checkOrigin(request.headers, policy);
    if (origin !== null) reply.headers(corsHeaders(origin));
    context.closing.throwIfAborted();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

function addRoute(
  app: FastifyInstance,
  context: ServerContext,
  { route, options }: { readonly route: Route; readonly options: ServerOptions },
): void {
  const { tokens } = options;
  app.route({
    method: methodsOf(route),
    url: route.path.replaceAll(/\{(\w+)\}/g, ":$1"),
    handler: async (request, reply) => {
      request.access = authorize(request, route, tokens);
      return route.handle(context, request, reply);
    },
  });
}

/** No such path, no such method, or a question about either (CORS asks by OPTIONS). */
async function answerNoRoute(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const path = request.url.split("?")[0] ?? "";
  const methods = methodsAt(path);
  if (methods.length === 0) {
    throw new EpsilonError(
      "not_found",
      `there is nothing at ${JSON.stringify(path.slice(0, 200))}: see /openapi.json`,
    );
  }
  const allow = methods.join(", ");
  if (request.method === "OPTIONS") {
    const isPreflight = request.headers["access-control-request-method"] !== undefined;
    return reply
      .code(204)
      .headers(isPreflight && request.headers.origin !== undefined ? preflightHeaders : {})
      .header("allow", allow)
      .send();
  }
  throw new EpsilonError("method_not_allowed", `${path} does not take ${request.method}, but ${allow}`, {
    details: { allow },
  });
}

function createNodeServer(
  context: ServerContext,
  { tls }: ServerOptions,
  listener: (request: http.IncomingMessage, response: http.ServerResponse) => void,
): http.Server {
  const { limits, instance } = context;
  const settings: http.ServerOptions = {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: Math.ceil(Math.min(limits.headersMs, limits.requestMs) / 4),
    // Node's own answer would not be in the form of ours; see admit.
    requireHostHeader: false,
    keepAliveTimeout: limits.keepAliveMs,
    noDelay: true,
  };
  const server =
    tls === undefined ? http.createServer(settings, listener) : createTlsServer(tls, settings, listener);
  server.on("checkContinue", (request: http.IncomingMessage, response: http.ServerResponse) => {
    expectContinue(request, response);
    listener(request, response);
  });
  server.on("checkExpectation", listener);
  server.on("clientError", (error: Error & { readonly code?: string }, socket) =>
    answerParserError(error, socket, instance),
  );
  return server;
}

async function startListening(
  server: http.Server,
  { listen, tls }: ServerOptions,
): Promise<RunningServer["address"]> {
  const { host, port } = listen;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: Error & { readonly code?: string }) => reject(listenError(cause, listen)));
    server.listen({ host, port }, resolve);
  });
  const bound = server.address() as AddressInfo;
  const name = host.includes(":") ? `[${host.replace(/^\[|\]$/g, "")}]` : host;
  return { host, port: bound.port, url: `${tls === undefined ? "http" : "https"}://${name}:${bound.port}` };
}

function listenError(
  cause: Error & { readonly code?: string },
  { host, port }: ServerOptions["listen"],
): EpsilonError {
  if (cause.code === "EADDRINUSE") {
    return new EpsilonError(
      "address_in_use",
      `something listens on ${host}:${port} already: choose another port`,
      {
        cause,
      },
    );
  }
  return new EpsilonError("usage", `cannot listen on ${host}:${port}: ${cause.message}`, { cause });
}
