/** `openapi.json` says the same as the route table, refers to nothing that is not there, and its examples fit. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { errors } from "@epsilon/model";
import { routes } from "../routes/table.ts";
import { openApi } from "./document.ts";

type Node = Record<string, unknown>;
const document = JSON.parse(JSON.stringify(openApi("1.2.3"))) as Node;
const methods = ["get", "post", "delete", "put", "patch"];

function operations(): { readonly path: string; readonly method: string; readonly operation: Node }[] {
  const paths = document["paths"] as Record<string, Node>;
  return Object.entries(paths).flatMap(([path, item]) =>
    methods
      .filter((method) => method in item)
      .map((method) => ({ path, method: method.toUpperCase(), operation: item[method] as Node })),
  );
}

function walk(node: unknown, visit: (node: Node) => void): void {
  if (typeof node !== "object" || node === null) return;
  if (!Array.isArray(node)) visit(node as Node);
  for (const child of Object.values(node)) walk(child, visit);
}

function resolve(reference: string): unknown {
  return reference
    .slice(2)
    .split("/")
    .reduce<unknown>((node, part) => (node as Node | undefined)?.[part], document);
}

test("it has every route with its scope, and no other", () => {
  const described = operations().map(
    ({ path, method, operation }) => `${method} ${path} ${String(operation["x-scope"])}`,
  );
  const built = routes.map(({ method, path, scope }) => `${method} ${path} ${scope}`);
  assert.deepEqual(described.sort(), built.sort());
});

test("what it refers to is there, and what is there is referred to", () => {
  const used = new Set<string>();
  walk(document, (node) => {
    const reference = node["$ref"];
    if (typeof reference !== "string") return;
    used.add(reference);
    assert.notEqual(resolve(reference), undefined, reference);
  });
  for (const kind of ["schemas", "parameters", "headers"]) {
    for (const name of Object.keys(resolve(`#/components/${kind}`) as Node)) {
      assert.ok(used.has(`#/components/${kind}/${name}`), `${kind}/${name} is not used`);
    }
  }
});

test("operations have names of their own, parameters for their paths, and answers", () => {
  const ids = operations().map(({ operation }) => operation["operationId"]);
  assert.equal(new Set(ids).size, ids.length);
  const paths = document["paths"] as Record<string, Node>;
  for (const { path, method, operation } of operations()) {
    const place = `${method} ${path}`;
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const parameters = ((paths[path]?.["parameters"] ?? []) as Node[]).map(
      (each) => resolve(String(each["$ref"])) as Node,
    );
    const declared = parameters.filter((each) => each["in"] === "path").map((each) => each["name"]);
    assert.deepEqual(declared, inPath, place);
    const responses = operation["responses"] as Record<string, Node>;
    assert.ok(
      Object.keys(responses).some((status) => status.startsWith("2")),
      place,
    );
    assert.ok(responses["403"] !== undefined && responses["500"] !== undefined, place);
    for (const response of Object.values(responses)) {
      assert.ok("Epsilon-Instance" in (response["headers"] as Node), place);
      assert.ok(String(response["description"]).length > 1, place);
    }
    assert.equal("requestBody" in operation, method === "POST" && !path.startsWith("/v1/snapshots/"), place);
  }
});

test("codes in examples are codes that exist", () => {
  walk(document, (node) => {
    const error = node["error"] as Node | undefined;
    if (typeof error?.["code"] === "string") assert.ok(error["code"] in errors, error["code"]);
  });
});

test("examples fit their schemas", () => {
  let checked = 0;
  walk(document, (node) => {
    if (!("schema" in node)) return;
    const examples = Object.values((node["examples"] ?? {}) as Record<string, Node>).map(
      ({ value }) => value,
    );
    if ("example" in node) examples.push(node["example"]);
    for (const example of examples) {
      checked += 1;
      assert.deepEqual(misfits(example, node["schema"] as Node, "$"), [], JSON.stringify(example));
    }
  });
  assert.ok(checked > 30);
});

/** Where a value does not fit a schema: as much of JSON Schema as the document uses. */
function misfits(value: unknown, described: Node, at: string): string[] {
  if (typeof described["$ref"] === "string") return misfits(value, resolve(described["$ref"]) as Node, at);
  const oneOf = described["oneOf"] as Node[] | undefined;
  if (oneOf !== undefined) {
    return oneOf.some((option) => misfits(value, option, at).length === 0) ? [] : [`${at} fits no option`];
  }
  const types = [described["type"] ?? []].flat() as string[];
  const found: string[] = [];
  if (types.length > 0 && !types.some((type) => isOfType(value, type)))
    found.push(`${at} is no ${types.join(", ")}`);
  const {
    enum: values,
    pattern,
    required = [],
    properties = {},
    items,
  } = described as {
    readonly enum?: unknown[];
    readonly pattern?: string;
    readonly required?: string[];
    readonly properties?: Record<string, Node>;
    readonly items?: Node;
  };
  if (values !== undefined && !values.includes(value)) found.push(`${at} is none of ${values.join(", ")}`);
  if (pattern !== undefined && typeof value === "string" && !new RegExp(pattern).test(value)) {
    found.push(`${at} does not match ${pattern}`);
  }
  if (Array.isArray(value)) {
    return [
      ...found,
      ...value.flatMap((each, index) => (items === undefined ? [] : misfits(each, items, `${at}[${index}]`))),
    ];
  }
  if (typeof value !== "object" || value === null) return found;
  for (const name of required) if (!(name in value)) found.push(`${at}.${name} is missing`);
  for (const [name, member] of Object.entries(value)) {
    const schema = properties[name];
    if (schema !== undefined) found.push(...misfits(member, schema, `${at}.${name}`));
    else if (!("additionalProperties" in described) && Object.keys(properties).length > 0)
      found.push(`${at}.${name} is not described`);
  }
  return found;
}

function isOfType(value: unknown, type: string): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "integer") return Number.isInteger(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  return typeof value === type;
}
