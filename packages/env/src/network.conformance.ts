/** What every network keeps, against a server that the version under test provides. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Network, NetworkResponse } from "./env.ts";

/** What the server is to do. A `broken` answer loses its connection after the chunks. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly chunks: readonly string[];
  readonly broken?: boolean;
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly header: string | undefined;
  readonly body: string;
}

export interface NetworkUnderTest {
  readonly network: Network;
  readonly origin: string;
  readonly stop: () => Promise<void>;
}

export function networkConformance(
  name: string,
  make: (reply: (asked: Asked) => Reply) => Promise<NetworkUnderTest>,
): void {
  const scenario = (
    what: string,
    reply: (asked: Asked) => Reply,
    run: (parts: NetworkUnderTest) => Promise<void>,
  ): void => {
    test(`${name} network: ${what}`, async () => {
      const parts = await make(reply);
      try {
        await run(parts);
      } finally {
        await parts.stop();
      }
    });
  };

  const echo = ({ method, path, header, body }: Asked): Reply => ({
    status: 201,
    headers: { "x-answer": "yes" },
    chunks: [`${method} ${path} ${header} `, body],
  });

  scenario("a request arrives as it is, and its answer comes back", echo, async ({ network, origin }) => {
    for (let round = 0; round < 2; round += 1) {
      const response = await network.request({
        url: `${origin}/a/b?c=d`,
        method: "POST",
        headers: { "x-test": "head" },
        body: new TextEncoder().encode("the body"),
      });
      assert.equal(response.status, 201);
      assert.equal(response.headers["x-answer"], "yes");
      assert.equal(await bodyText(response), "POST /a/b?c=d head the body");
    }
  });

  scenario(
    "no body, and an error status is an answer",
    () => ({ status: 503, headers: {}, chunks: [] }),
    async ({ network, origin }) => {
      const response = await network.request({ url: `${origin}/`, method: "GET", headers: {} });
      assert.equal(response.status, 503);
      assert.equal(await bodyText(response), "");
    },
  );

  scenario(
    "redirects are not followed",
    () => ({ status: 302, headers: { location: "/elsewhere" }, chunks: [] }),
    async ({ network, origin }) => {
      const response = await network.request({ url: `${origin}/`, method: "GET", headers: {} });
      assert.equal(response.status, 302);
      assert.equal(response.headers["location"], "/elsewhere");
      await bodyText(response);
    },
  );

  scenario(
    "a connection that breaks off breaks the body off",
    () => ({ status: 200, headers: {}, chunks: ["half of "], broken: true }),
    async ({ network, origin }) => {
      const response = await network.request({ url: `${origin}/`, method: "GET", headers: {} });
      await assert.rejects(bodyText(response), { name: "EpsilonError", code: "unreachable" });
    },
  );

  scenario("nobody there is unreachable", echo, async ({ network, origin, stop }) => {
    await stop();
    const request = { url: `${origin}/`, method: "GET", headers: {} };
    await assert.rejects(network.request(request), { name: "EpsilonError", code: "unreachable" });
    await assert.rejects(network.request({ ...request, url: "nonsense" }), { code: "unreachable" });
  });

  scenario("an aborted request rejects with the signal's reason", echo, async ({ network, origin }) => {
    const reason = new Error("enough");
    const url = `${origin}/`;
    const controller = new AbortController();
    const request = { url, method: "GET", headers: {}, signal: controller.signal };
    const underway = network.request(request);
    controller.abort(reason);
    await assert.rejects(underway, (error) => error === reason);
    await assert.rejects(network.request(request), (error) => error === reason);
  });
}

async function bodyText(response: NetworkResponse): Promise<string> {
  const decoder = new TextDecoder();
  let all = "";
  for await (const chunk of response.body) all += decoder.decode(chunk, { stream: true });
  return all + decoder.decode();
}
