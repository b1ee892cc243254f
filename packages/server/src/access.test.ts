/** Who may: tokens and scopes on every route, tokens in URLs, Host and Origin, and what may listen where. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { event, withServer } from "./fixture.ts";
import { assertListenAllowed, isLoopbackName, parseOrigin } from "./origin.ts";
import { routes } from "./routes/table.ts";
import { parseTokens, type Scope } from "./tokens.ts";

const tokens = parseTokens(`
# who may
reader read           # everything
reader-a read:a
appender append
appender-a append:a
writer write
boss admin
boss-a admin:a
both read,append
mixed read:a,append:b
`);
const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` });

/** Which tokens pass a scope on the collection "a", on "b", on all at once, on any one. */
const passes: Readonly<Record<Scope, Readonly<Record<"a" | "b" | "all" | "any", string>>>> = {
  read: {
    a: "reader reader-a boss boss-a both mixed",
    b: "reader boss both",
    all: "reader boss both",
    any: "reader reader-a boss boss-a both mixed",
  },
  append: {
    a: "appender appender-a writer boss boss-a both",
    b: "appender writer boss both mixed",
    all: "appender writer boss both",
    any: "appender appender-a writer boss boss-a both mixed",
  },
  write: { a: "writer boss boss-a", b: "writer boss", all: "writer boss", any: "writer boss boss-a" },
  admin: { a: "boss boss-a", b: "boss", all: "boss", any: "boss boss-a" },
};
const names = "reader reader-a appender appender-a writer boss boss-a both mixed".split(" ");

test("every route asks for its scope, on its collection", () =>
  withServer({ tokens }, async (fixture) => {
    for (const { method, path, scope, covers } of routes) {
      for (const collection of ["a", "b"] as const) {
        const url = path.replace("{c}", collection).replace("{id}", "x");
        const anonymous = await fixture.ask(method, url);
        if (scope === "none") {
          assert.equal(anonymous.status, 200, path);
          continue;
        }
        assert.deepEqual([anonymous.status, anonymous.code], [401, "unauthorized"], path);
        assert.match(String(anonymous.headers["www-authenticate"]), /^Bearer/);
        assert.ok(anonymous.headers["epsilon-instance"]);
        const allowed = passes[scope][covers === "collection" ? collection : covers].split(" ");
        for (const name of names) {
          const reply = await fixture.ask(method, url, { headers: bearer(name) });
          const isForbidden = reply.status === 403 && reply.code === "forbidden";
          assert.equal(isForbidden, !allowed.includes(name), `${name} ${method} ${url}: ${reply.status}`);
          assert.notEqual(reply.status, 401);
        }
      }
    }
  }));

test("a token that is not known is refused, however it is spelled", () =>
  withServer({ tokens }, async (fixture) => {
    for (const authorization of [
      "Bearer nobody",
      "Bearer",
      "Basic cmVhZGVyOg==",
      "reader",
      "Bearer reader extra",
      "",
    ]) {
      const reply = await fixture.get("/v1/collections", { authorization });
      assert.deepEqual([reply.status, reply.code], [401, "unauthorized"], authorization);
      assert.doesNotMatch(reply.text, /nobody/);
    }
    assert.equal((await fixture.get("/v1/collections", { authorization: "bearer  reader" })).status, 200);
  }));

test("listings show what the token covers; the explorer shows nothing without one", () =>
  withServer({ tokens }, async (fixture) => {
    for (const name of ["a", "b"]) {
      await fixture.post(`/v1/collections/${name}/events`, event(1), bearer("appender"));
    }
    const listed = async (token: string): Promise<string[]> => {
      const { json } = await fixture.get("/v1/collections", bearer(token));
      return (json["collections"] as { name: string }[]).map(({ name }) => name);
    };
    assert.deepEqual(await listed("reader"), ["a", "b"]);
    assert.deepEqual(await listed("mixed"), ["a"]);
    assert.equal((await fixture.get("/v1/instance", bearer("reader-a"))).json["collections"], 1);
    assert.match((await fixture.get("/")).text, /asks for a token/);
    assert.match((await fixture.get("/", bearer("reader"))).text, /collections\/b\/query/);
    assert.doesNotMatch((await fixture.get("/", bearer("reader-a"))).text, /collections\/b\/query/);
  }));

test("an append token writes new events only", () =>
  withServer({ tokens }, async (fixture) => {
    const path = "/v1/collections/a/events";
    assert.equal((await fixture.post(path, event(1), bearer("appender"))).status, 200);
    for (const member of [{ _rev: 1 }, { _deleted: true }]) {
      const reply = await fixture.post(path, [event(2), event(3, member)], bearer("appender-a"));
      assert.deepEqual([reply.status, reply.code], [403, "forbidden_field"]);
    }
    const claim = { "epsilon-source": "web", "epsilon-cursor": "s:1:x" };
    const claimed = await fixture.post(path, event(2), { ...bearer("appender"), ...claim });
    assert.deepEqual([claimed.status, claimed.code], [403, "forbidden"]);
    const stray = await fixture.post(path, event(2), { ...bearer("appender"), "epsilon-cursor": "s:1:x" });
    assert.equal(stray.status, 403);
    const { json } = await fixture.get("/v1/collections", bearer("reader"));
    assert.equal((json["collections"] as { events: number }[])[0]?.events, 1);
    const asWriter = await fixture.post(path, event(2, { _rev: 1 }), { ...bearer("writer"), ...claim });
    assert.deepEqual([asWriter.status, asWriter.json["cursor"]], [200, "s:1:x"]);
  }));

test("a token in the URL may append and nothing else", () =>
  withServer({ tokens, allowOrigins: ["https://shop.example"] }, async (fixture) => {
    const path = "/v1/collections/a/events";
    const asked = async (query: string): Promise<[number, string | undefined]> => {
      const reply = await fixture.post(`${path}?${query}`, event(1));
      return [reply.status, reply.code];
    };
    assert.deepEqual(await asked("token=appender"), [200, undefined]);
    assert.deepEqual(await asked("token=appender-a&wait=durable"), [200, undefined]);
    assert.deepEqual(await asked("token=writer"), [403, "forbidden"]);
    assert.deepEqual(await asked("token=both"), [403, "forbidden"]);
    assert.deepEqual(await asked("token=nobody"), [401, "unauthorized"]);
    assert.deepEqual(await asked("token=appender&token=appender"), [401, "unauthorized"]);
    const beacon = await fixture.post(`${path}?token=appender`, event(1), {
      origin: "https://shop.example",
      "content-type": "text/plain;charset=UTF-8",
    });
    assert.deepEqual(
      [beacon.status, beacon.headers["access-control-allow-origin"]],
      [200, "https://shop.example"],
    );
    assert.equal((await fixture.get(`${path}?token=reader`)).status, 401);
    assert.equal((await fixture.get("/v1/collections?token=reader")).status, 401);
  }));

test("delete by filter is for admins", () =>
  withServer({ tokens }, async (fixture) => {
    await fixture.post("/v1/collections/a/events", event(1, { x: 1 }), bearer("writer"));
    const path = "/v1/collections/a/delete";
    assert.equal((await fixture.post(path, { filter: "x = 1" }, bearer("writer"))).code, "forbidden");
    assert.deepEqual((await fixture.post(path, { keys: [] }, bearer("writer"))).json, { deleted: 0 });
    assert.deepEqual((await fixture.post(path, { filter: "x = 1" }, bearer("boss-a"))).json, { deleted: 1 });
  }));

test("without tokens only loopback names are answered", () =>
  withServer({}, async (fixture) => {
    const statusFor = async (host: string): Promise<string> => {
      const reply = await fixture.get("/v1/collections", { host });
      return reply.code ?? String(reply.status);
    };
    for (const host of ["localhost", "LOCALHOST:4320", "127.0.0.1:1", "127.9.9.9", "[::1]:4320"]) {
      assert.equal(await statusFor(host), "200", host);
    }
    for (const host of [
      "evil.example",
      "127.0.0.1.evil.example",
      "localhost.evil.example:4320",
      "10.0.0.1",
      "[::2]",
      "0x7f.1",
    ]) {
      assert.equal(await statusFor(host), "foreign_origin", host);
    }
  }));

test("with tokens, or when told to be insecure, any name is answered", async () => {
  await withServer({ tokens }, async (fixture) => {
    assert.equal((await fixture.get("/healthz", { host: "db.example" })).status, 200);
  });
  await withServer({ insecure: true }, async (fixture) => {
    assert.equal((await fixture.get("/v1/collections", { host: "db.example" })).status, 200);
  });
});

test("a page of another origin may ask only if it is allowed", () =>
  withServer({ allowOrigins: ["https://Shop.example"] }, async (fixture) => {
    const own = `http://127.0.0.1:${fixture.port}`;
    const same = await fixture.get("/v1/collections", { origin: own });
    assert.deepEqual([same.status, same.headers["access-control-allow-origin"]], [200, undefined]);
    for (const origin of [
      "https://evil.example",
      "null",
      "http://127.0.0.1:1",
      "http://shop.example",
      "file://",
    ]) {
      for (const path of ["/v1/collections", "/healthz", "/nothing"]) {
        const reply = await fixture.get(path, { origin });
        assert.deepEqual([reply.status, reply.code], [403, "foreign_origin"], origin);
        assert.equal(reply.headers["access-control-allow-origin"], undefined);
      }
    }
    const origin = "https://shop.example";
    for (const path of ["/v1/collections", "/v1/collections/none/events", "/nothing"]) {
      const reply = await fixture.get(path, { origin });
      assert.equal(reply.headers["access-control-allow-origin"], origin, path);
      assert.match(String(reply.headers["access-control-expose-headers"]), /Epsilon-Instance/);
      assert.match(String(reply.headers["vary"]), /Origin/);
    }
  }));

test("a preflight is answered without a token", () =>
  withServer({ tokens, allowOrigins: ["https://shop.example"] }, async (fixture) => {
    const asked = {
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization",
    };
    const path = "/v1/collections/a/events";
    const reply = await fixture.ask("OPTIONS", path, {
      headers: { ...asked, origin: "https://shop.example" },
    });
    assert.equal(reply.status, 204);
    assert.equal(reply.headers["access-control-allow-origin"], "https://shop.example");
    assert.match(String(reply.headers["access-control-allow-methods"]), /POST/);
    assert.match(String(reply.headers["access-control-allow-headers"]), /Authorization.*Epsilon-Source/);
    const foreign = await fixture.ask("OPTIONS", path, {
      headers: { ...asked, origin: "https://evil.example" },
    });
    assert.deepEqual([foreign.status, foreign.headers["access-control-allow-methods"]], [403, undefined]);
  }));

test("* allows every origin", () =>
  withServer({ tokens, allowOrigins: ["*"] }, async (fixture) => {
    const reply = await fixture.get("/healthz", { origin: "https://anyone.example" });
    assert.equal(reply.headers["access-control-allow-origin"], "https://anyone.example");
  }));

test("other addresses than loopback need tokens, or a word", () => {
  const options = { tokens: undefined, insecure: false };
  for (const host of ["127.0.0.1", "localhost", "::1", "[::1]", "127.1.2.3"])
    assertListenAllowed(host, options);
  for (const host of ["0.0.0.0", "::", "192.168.1.1", "db.example", ""]) {
    assert.throws(() => assertListenAllowed(host, options), { code: "insecure_address" }, host);
    assertListenAllowed(host, { ...options, tokens });
    assertListenAllowed(host, { ...options, insecure: true });
  }
  assert.equal(isLoopbackName("127.0.0.256"), false);
});

test("origins are scheme and host", () => {
  assert.equal(parseOrigin(" HTTPS://Shop.Example:8443 "), "https://shop.example:8443");
  for (const text of ["shop.example", "https://shop.example/", "https://", "", "https://a b"]) {
    assert.throws(() => parseOrigin(text), { code: "bad_request" }, text);
  }
});

test("a tokens file that is wrong names the line and never a token", () => {
  const cases: readonly [string, RegExp][] = [
    ["", /no token/],
    ["# nothing\n\n", /no token/],
    ["secret", /line 1.*scope/],
    ["ok read\nsecret frobnicate", /line 2/],
    ["secret read write", /line 1.*commas/],
    ["sec\u00e9ret read", /line 1/],
    ["secret read\nsecret write", /line 2.*twice/],
    ["secret read:a:b", /line 1/],
    ["secret read,", /line 1/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseTokens(text),
      (error: Error) => message.test(error.message) && !error.message.includes("secret"),
      text,
    );
  }
  assert.throws(() => parseTokens("secret read:../x"), { code: "bad_collection" });
});

test("every token is found, and no other", () => {
  const token = fc.stringMatching(/^[A-Za-z0-9._~+/-]{1,40}={0,2}$/);
  const note = fc.constantFrom("", " # a note", "\t# read");
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(token, note), { minLength: 1, selector: ([text]) => text }),
      token,
      (rows, other) => {
        const table = parseTokens(
          rows.map(([text, remark]) => `${text} read,append:a${remark}`).join("\r\n"),
        );
        assert.equal(table.count, rows.length);
        for (const [text] of rows) assert.equal(table.find(text)?.grants.length, 2);
        assert.equal(
          table.find(other) === undefined,
          rows.every(([text]) => text !== other),
        );
      },
    ),
    { numRuns: 100 },
  );
});
