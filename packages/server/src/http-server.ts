/**
 * Our kind of HTTP server, whatever it serves. Fastify routes and answers; bodies are read from the raw stream by
 * whoever needs them, because the write path has no time for anything else.
 *
 * Each request passes, in this order: the instance's name on the answer, Host and Origin, token and scope, handler.
 */

import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { EpsilonError } from "@epsilon/model";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { authorize } from "./access.ts";
import { Connections } from "./connections.ts";
import type { HttpContext, Route } from "./context.ts";
import { sendError } from "./http/answer.ts";
import { expectContinue } from "./http/body.ts";
import { answerParserError } from "./http/parser-errors.ts";
import type { ListenOptions, RunningServer } from "./options.ts";
import {
  assertListenAllowed,
  checkOrigin,
  corsHeaders,
  type OriginPolicy,
  parseOrigin,
  preflightHeaders,
} from "./origin.ts";
import { methodsAt, methodsOf } from "./routes/methods.ts";
import { createTlsServer } from "./tls.ts";

export interface HttpParts<Context extends HttpContext> {
  readonly options: ListenOptions;
  readonly routes: readonly Route<Context>[];
  /** Everything that handlers are given. Its `closing` is aborted by `close`. */
  makeContext(closing: AbortSignal): Promise<Context>;
  /** Ends what would not end by itself, when the server begins to close. */
  onClosing?(context: Context): void;
}

/**
 * Starts a server. Settles when it listens. Throws `insecure_address`, `address_in_use`, `bad_request` (an origin that
 * is none) and `usage` (an address or a certificate that does not work).
 */
export async function createHttpServer<Context extends HttpContext>(
  parts: HttpParts<Context>,
): Promise<RunningServer> {
  const { options, routes } = parts;
  const { listen, tokens, tls, insecure } = options;
  assertListenAllowed(listen.host, { tokens, insecure });
  const policy: OriginPolicy = {
    checksHost: tokens === undefined && !insecure,
    usesTls: tls !== undefined,
    allowOrigins: new Set(options.allowOrigins.map(parseOrigin)),
  };
  const closing = new AbortController();
  const context = await parts.makeContext(closing.signal);
  const connections = new Connections();
  const app = createApp(context, { options, routes, policy, connections });
  await app.ready();
  const { server } = app;
  connections.watch(server, policy);
  const address = await startListening(server, options);
  let closed: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    closing.abort(
      new EpsilonError("closed", "the instance is closing: ask another, or again when it is back"),
    );
    parts.onClosing?.(context);
    await connections.close(server, context.env.clock, context.limits.closeMs);
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

interface AppParts<Context extends HttpContext> {
  readonly options: ListenOptions;
  readonly routes: readonly Route<Context>[];
  readonly policy: OriginPolicy;
  readonly connections: Connections;
}

function createApp<Context extends HttpContext>(
  context: Context,
  { options, routes, policy, connections }: AppParts<Context>,
): FastifyInstance {
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
  app.setNotFoundHandler((request, reply) => answerNoRoute(routes, request, reply));
  for (const route of routes) addRoute(app, context, { route, options });
  return app;
}

/** What happens to every request first. Gives back why it is refused, if it is. */
function admit(
  context: HttpContext,
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

function addRoute<Context extends HttpContext>(
  app: FastifyInstance,
  context: Context,
  { route, options }: { readonly route: Route<Context>; readonly options: ListenOptions },
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
async function answerNoRoute<Context extends HttpContext>(
  routes: readonly Route<Context>[],
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const path = request.url.split("?")[0] ?? "";
  const methods = methodsAt(routes, path);
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
  context: HttpContext,
  { tls }: ListenOptions,
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
  { listen, tls }: ListenOptions,
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
  { host, port }: ListenOptions["listen"],
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
