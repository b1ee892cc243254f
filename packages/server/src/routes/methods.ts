/** Which methods a path takes. */

import type { HttpContext, Route } from "../context.ts";

type Method = "GET" | "HEAD" | "POST" | "DELETE";

/** The methods that a route is asked by. */
export function methodsOf<Context extends HttpContext>({
  method,
  hasHead = true,
}: Pick<Route<Context>, "method" | "hasHead">): Method[] {
  return method === "GET" && hasHead ? ["GET", "HEAD"] : [method];
}

/** The methods that a path takes; empty if there is no such path. */
export function methodsAt<Context extends HttpContext>(
  routes: readonly Route<Context>[],
  path: string,
): readonly string[] {
  const methods = routes.filter((route) => matchesPath(route.path, path)).flatMap(methodsOf);
  return methods.length === 0 ? [] : [...methods, "OPTIONS"];
}

function matchesPath(pattern: string, path: string): boolean {
  const segments = path.split("/");
  const expected = pattern.split("/");
  return (
    segments.length === expected.length &&
    expected.every((part, index) =>
      part.startsWith("{") ? segments[index] !== "" : part === segments[index],
    )
  );
}
