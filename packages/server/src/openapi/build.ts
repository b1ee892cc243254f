/** Small pieces that descriptions of operations are put together from. */

import { type ErrorCode, errors } from "@epsilon/model";
import type { Scope } from "../tokens.ts";

/** A piece of an OpenAPI document. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
export type JsonObject = { readonly [name: string]: Json };

export interface Operation {
  readonly id: string;
  readonly tag: "instance" | "collections" | "writing" | "reading" | "sources" | "comparing" | "snapshots";
  readonly summary: string;
  readonly description?: string;
  readonly scope: Scope | "none";
  readonly parameters?: readonly Json[];
  readonly body?: JsonObject;
  /** By status. */
  readonly answers: Readonly<Record<string, JsonObject>>;
  /** What may go wrong besides what may always: refused origins and tokens, overload, bugs. */
  readonly errors?: readonly ErrorCode[];
}

/** Refers to a schema. */
export const schema = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });

/** Refers to a parameter. */
export const parameter = (name: string): JsonObject => ({ $ref: `#/components/parameters/${name}` });

const instanceHeader: JsonObject = { "Epsilon-Instance": { $ref: "#/components/headers/Epsilon-Instance" } };

/** An answer with a body of one media type. */
export function answer(
  description: string,
  content: {
    readonly type?: string;
    readonly schema: JsonObject;
    readonly example?: Json;
    readonly headers?: JsonObject;
  },
): JsonObject {
  const { type = "application/json", headers = {}, example } = content;
  return {
    description,
    headers: { ...instanceHeader, ...headers },
    content: { [type]: { schema: content.schema, ...(example === undefined ? {} : { example }) } },
  };
}

/** A body that is JSON. */
export function jsonBody(bodySchema: JsonObject, examples: Readonly<Record<string, Json>>): JsonObject {
  const named = Object.entries(examples).map(([name, value]) => [name, { value }] as const);
  return {
    required: true,
    content: { "application/json": { schema: bodySchema, examples: Object.fromEntries(named) } },
  };
}

/** An object schema; every member is required unless its name ends in `?`. */
export function object(members: Readonly<Record<string, JsonObject>>, description?: string): JsonObject {
  const entries = Object.entries(members);
  const required = entries.map(([name]) => name).filter((name) => !name.endsWith("?"));
  return {
    type: "object",
    ...(description === undefined ? {} : { description }),
    properties: Object.fromEntries(entries.map(([name, member]) => [name.replace(/\?$/, ""), member])),
    ...(required.length === 0 ? {} : { required }),
  };
}

export const list = (items: JsonObject): JsonObject => ({ type: "array", items });
export const text = (description: string, more: JsonObject = {}): JsonObject => ({
  type: "string",
  description,
  ...more,
});
export const count = (description: string): JsonObject => ({ type: "integer", minimum: 0, description });
export const orNull = (described: JsonObject): JsonObject =>
  "$ref" in described
    ? { oneOf: [described, { type: "null" }] }
    : { ...described, type: [described["type"] ?? "string", "null"] };

/** A parameter of the query string. */
export function inQuery(name: string, described: JsonObject, more: JsonObject = {}): JsonObject {
  const { description = "", ...rest } = described;
  return { name, in: "query", description, schema: rest, ...more };
}

/** A header of the request. */
export function inHeader(name: string, described: JsonObject, more: JsonObject = {}): JsonObject {
  const { description = "", ...rest } = described;
  return { name, in: "header", description, schema: rest, ...more };
}

/** The operation as OpenAPI has it. */
export function operation(described: Operation): JsonObject {
  const { id, tag, summary, description, scope, parameters = [], body, answers } = described;
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: [description, scope === "none" ? "Needs no token." : `Scope: \`${scope}\`.`]
      .filter((part) => part !== undefined)
      .join("\n\n"),
    security: scope === "none" ? [{}] : [{ bearer: [] }, {}],
    "x-scope": scope,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { ...answers, ...errorAnswers(described) },
  };
}

function errorAnswers({ scope, errors: own = [] }: Operation): JsonObject {
  const always: ErrorCode[] =
    scope === "none" ? ["foreign_origin"] : ["unauthorized", "forbidden", "foreign_origin"];
  const codes = [...always, ...own, "internal" as const];
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = errors[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const answers = [...byStatus].map(([status, statusCodes]) => {
    const lines = statusCodes.map((code) => `\`${code}\`: ${errors[code].meaning}`);
    return [String(status), errorAnswer(status, lines.join("\n\n"), statusCodes)] as const;
  });
  return Object.fromEntries(answers);
}

function errorAnswer(status: number, description: string, codes: readonly ErrorCode[]): JsonObject {
  const [first = "internal"] = codes;
  const retry = status === 429 || status === 503;
  return answer(description, {
    schema: schema(first === "cursor_mismatch" ? "CursorMismatch" : "Error"),
    example: {
      error: { code: first, message: `${errors[first].meaning}; …` },
      ...(first === "cursor_mismatch" ? { cursor: "day1:400:c4f1" } : {}),
    },
    ...(retry ? { headers: { "Retry-After": { $ref: "#/components/headers/Retry-After" } } } : {}),
  });
}
