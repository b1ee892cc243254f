/** `epsilon relay` as a process: whatever can POST JSON is replicated, whatever dies in between. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  epsilon,
  freePort,
  parseLines,
  type Served,
  serve,
  serveRelay,
  temporaryFile,
  temporaryFolder,
} from "./fixture.ts";

let a: Served;
let b: Served;
let relay: Served;
after(async () => {
  await Promise.all([a, b, relay].map((one) => one.end("SIGKILL")));
});
before(async () => {
  [a, b] = await Promise.all([serve(temporaryFolder()), serve(temporaryFolder())]);
  relay = await serveRelay(temporaryFolder(), [a.url, b.url]);
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function post(
  url: string,
  path: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${url}/v1/collections/${path}`, { method: "POST", body, headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function exported(url: string, collection: string): Promise<readonly Record<string, unknown>[]> {
  const ran = await epsilon(["export", "--from", url, "--collection", collection]);
  assert.equal(ran.code, 0, ran.stderr);
  return parseLines(ran.stdout);
}

async function countOn(url: string, collection: string): Promise<number> {
  const response = await fetch(`${url}/v1/collections/${collection}/query?q=SELECT+count`);
  const answer = (await response.json()) as { summary?: { count: number }[] };
  return answer.summary?.[0]?.count ?? 0;
}

function codeOf({ body }: Answer): unknown {
  return (body["error"] as { readonly code: string } | undefined)?.code;
}

test("what is posted is answered when as many have it as asked for, and is the same events everywhere", async () => {
  const events = '{"n":1}{"n":2,"_ts":"2026-01-31T12:00:00Z"}{"_ts":12}';
  const { status, body } = await post(relay.url, "all/events?ack=all", events);
  assert.equal(status, 200);
  const { received, stored, duplicates, rejected, ack } = body;
  assert.deepEqual([received, stored, duplicates, ack], [3, null, null, "all"]);
  assert.deepEqual(
    (rejected as { index: number; code: string }[]).map(({ index, code }) => [index, code]),
    [[2, "bad_timestamp"]],
  );
  const [onA, onB] = await Promise.all([exported(a.url, "all"), exported(b.url, "all")]);
  assert.equal(onA.length, 2);
  assert.deepEqual(onB, onA);
});

test("a request that is repeated adds nothing", async () => {
  const body = '[{"_ts":"2026-01-31T12:00:00Z","n":1},{"_ts":"2026-01-31T12:00:00Z","n":1}]';
  await post(relay.url, "twice/events", body);
  await post(relay.url, "twice/events?ack=all", body);
  assert.equal(await countOn(a.url, "twice"), 2);
});

test("reads are passed on, with the name of the instance that answered", async () => {
  await post(relay.url, "reads/events?ack=all", '{"path":"/ä"}');
  const response = await fetch(`${relay.url}/v1/collections/reads/query`, {
    method: "POST",
    body: JSON.stringify({ q: "SELECT count GROUP BY path" }),
  });
  const { summary, meta } = (await response.json()) as { summary: unknown; meta: { instance: string } };
  assert.deepEqual(summary, [{ path: "/ä", count: 1 }]);
  assert.equal(response.headers.get("epsilon-instance"), meta.instance);
  assert.equal((await exported(relay.url, "reads")).length, 1);
  const bad = await fetch(`${relay.url}/v1/collections/reads/query?q=SELEC`);
  assert.equal(bad.status, 400);
  assert.equal((await fetch(`${relay.url}/v1/collections/none/query?q=SELECT+count`)).status, 404);
  const own = (await (await fetch(`${relay.url}/v1/instance`)).json()) as { id: string };
  assert.equal((await fetch(`${relay.url}/healthz`)).headers.get("epsilon-instance")?.split("/")[0], own.id);
});

test("what a relay does not take is said so", async () => {
  const cases: readonly (readonly [string, string, Record<string, string>, number, string])[] = [
    ["x/events", "{}", { "epsilon-source": "s", "epsilon-cursor": "s:1:x" }, 400, "relay_takes_no_cursor"],
    ["x/events?ack=two", "{}", {}, 400, "bad_request"],
    ["x/events", "", {}, 400, "empty_body"],
    ["x/events", "nonsense", {}, 400, "bad_json"],
    ["X/events", "{}", {}, 400, "bad_collection"],
    ["x/digest", "{}", {}, 404, "not_found"],
    ["x/delete", '{"filter":"a = 1"}', {}, 501, "not_implemented"],
  ];
  for (const [path, body, headers, status, code] of cases) {
    const answer = await post(relay.url, path, body, headers);
    assert.deepEqual([answer.status, codeOf(answer)], [status, code], path);
  }
  const refused = await post(relay.url, "x/events", '{"_x":1}');
  assert.equal(refused.status, 422);
  assert.equal(await countOn(a.url, "x"), 0);
});

test("a delete by keys travels as events do", async () => {
  await post(relay.url, "gone/events?ack=all", '{"n":1}{"n":2}');
  const [first] = await exported(a.url, "gone");
  const keys = JSON.stringify({ keys: [{ _ts: first?.["_ts"], _id: first?.["_id"] }] });
  assert.equal((await post(relay.url, "gone/delete?ack=all", keys)).status, 200);
  assert.deepEqual([await countOn(a.url, "gone"), await countOn(b.url, "gone")], [1, 1]);
});

test("killed at any moment, it sends on what it had acknowledged; an instance that was away gets all", async () => {
  const port = await freePort();
  const away = `http://127.0.0.1:${port}`;
  const spool = temporaryFolder();
  const acknowledged: number[] = [];
  let n = 0;
  for (let round = 0; round < 4; round += 1) {
    const one = await serveRelay(spool, [a.url, away]);
    const posts = Array.from({ length: 30 }, async () => {
      const own = Array.from({ length: 20 }, () => n++);
      const body = own.map((number) => JSON.stringify({ _ts: "2026-01-31T12:00:00Z", n: number })).join("\n");
      // Some are cut off by the kill: they were not acknowledged.
      const answer = await post(one.url, "killed/events", body).catch(() => undefined);
      if (answer?.status === 200) acknowledged.push(...own);
    });
    await Promise.all(posts.slice(0, 5 + round * 8));
    await one.end("SIGKILL");
    await Promise.all(posts);
  }
  assert.ok(acknowledged.length >= 4 * 100, `${acknowledged.length}`);
  const timedOut = await serveRelay(spool, [a.url, away]);
  const late = await post(timedOut.url, "killed/events?ack=all&timeout=200ms", '{"n":-1}');
  assert.deepEqual([late.status, codeOf(late)], [504, "not_acknowledged"]);
  const served = await serve(temporaryFolder(), ["--listen", `127.0.0.1:${port}`]);
  try {
    assert.equal((await post(timedOut.url, "killed/events?ack=all", '{"n":-2}')).status, 200);
    const figures = await (await fetch(`${timedOut.url}/metrics`)).text();
    assert.match(
      figures,
      /epsilon_relay_lag_events\{source="[^"]+",stream="\w+",collection="killed",instance="http[^"]+"\} 0/,
    );
    const { loops } = (await (await fetch(`${timedOut.url}/v1/relay`)).json()) as {
      loops: { lag: number }[];
    };
    assert.ok(loops.length >= 2);
    const [onA, onAway] = await Promise.all([exported(a.url, "killed"), exported(away, "killed")]);
    assert.deepEqual(onAway, onA);
    const numbers = new Map<unknown, number>();
    for (const { n: number } of onA) numbers.set(number, (numbers.get(number) ?? 0) + 1);
    for (const number of [...acknowledged, -1, -2]) assert.equal(numbers.get(number), 1, `${number}`);
  } finally {
    await Promise.all([served.end("SIGTERM"), timedOut.end("SIGTERM")]);
  }
});

test("while an instance is down reads go on, and two relays cannot share a part", async () => {
  const c = await serve(temporaryFolder());
  const spool = temporaryFolder();
  const [one, other] = await Promise.all([
    serveRelay(spool, [c.url, b.url]),
    serveRelay(spool, [c.url, b.url]),
  ]);
  try {
    await Promise.all([
      post(one.url, "down/events?ack=all", '{"n":1}'),
      post(other.url, "down/events?ack=all", '{"n":2}'),
    ]);
    await c.end("SIGKILL");
    for (let round = 0; round < 5; round += 1) assert.equal(await countOn(one.url, "down"), 2);
    assert.equal((await post(one.url, "down/events?ack=one", '{"n":3}')).status, 200);
  } finally {
    await Promise.all([one.end("SIGTERM"), other.end("SIGTERM")]);
  }
});

test("tokens hold for a relay as for an instance", async () => {
  const tokens = temporaryFile("tokens", "writes append\nreads read\nall admin,read,write\n");
  const one = await serveRelay(temporaryFolder(), [a.url], ["--tokens", tokens]);
  try {
    assert.equal((await post(one.url, "t/events", "{}")).status, 401);
    assert.equal((await post(one.url, "t/events", "{}", { authorization: "Bearer reads" })).status, 403);
    assert.equal((await post(one.url, "t/events?token=writes", "{}")).status, 200);
    const forbidden = await post(one.url, "t/events?token=writes", '{"_rev":1}');
    assert.deepEqual([forbidden.status, codeOf(forbidden)], [403, "forbidden_field"]);
    assert.equal(
      (await fetch(`${one.url}/v1/collections`, { headers: { authorization: "Bearer writes" } })).status,
      403,
    );
  } finally {
    await one.end("SIGTERM");
  }
});

test("what cannot be done exits with 2 and says why", async () => {
  for (const [words, message] of [
    [["--to", "nowhere"], /\(bad_request\)/],
    [["--spool-limit", "much"], /\(bad_request\)/],
    [["--listen", "0.0.0.0:0"], /\(insecure_address\)/],
    [["--keep", "always"], /\(usage\)/],
  ] as const) {
    const ran = await epsilon(["relay", "--spool", temporaryFolder(), ...words]);
    assert.equal(ran.code, 2, words.join(" "));
    assert.match(ran.stderr, message);
  }
});
