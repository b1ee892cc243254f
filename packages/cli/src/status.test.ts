/** `epsilon status`, and commands that ask several instances. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  epsilon,
  exitOf,
  freePort,
  parseLines,
  type Served,
  serve,
  serveRelay,
  start,
  temporaryFile,
  temporaryFolder,
} from "./fixture.ts";

let a: Served;
let b: Served;
after(async () => {
  await Promise.all([a.end("SIGTERM"), b.end("SIGTERM")]);
});
before(async () => {
  [a, b] = await Promise.all([serve(temporaryFolder()), serve(temporaryFolder())]);
});

function linesOf(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, n) => `{"_ts":"2026-01-31T12:00:00Z","n":${from + n}}\n`).join(
    "",
  );
}

interface Status {
  readonly streams: readonly {
    readonly collection: string;
    readonly at_risk: number;
    readonly furthest: number;
  }[];
  readonly gaps: number;
  readonly lag: number;
  readonly relays: readonly { readonly loops: readonly unknown[] }[];
  readonly spool?: {
    readonly parts: readonly { readonly events: number }[];
    readonly dead_letters: readonly unknown[];
  };
}

test("how far each is, what is at risk, and exit 1 where one is too far behind", async () => {
  const file = temporaryFile("a.ndjson", linesOf(0, 10));
  const push = (to: string) => epsilon(["push", file, "--to", to, "--collection", "lag"]);
  assert.equal((await push(`${a.url},${b.url}`)).code, 0);
  const level = await epsilon(["status", a.url, b.url]);
  assert.equal(level.code, 0, level.stderr);
  assert.match(level.stdout, /lag +\S+a\.ndjson +\d+ +all +all +0/);
  assert.match(level.stdout, /unprotected: none of them makes snapshots/);
  const more = temporaryFile("b.ndjson", linesOf(0, 500));
  assert.equal((await epsilon(["push", more, "--to", a.url, "--collection", "lag"])).code, 0);
  const ran = await epsilon(["status", `${a.url},${b.url}`, "--format", "json", "--max-lag", "100"]);
  assert.equal(ran.code, 1);
  const status = JSON.parse(ran.stdout) as Status;
  const [, behind] = status.streams.filter(({ collection }) => collection === "lag");
  assert.ok(status.lag > 100);
  assert.equal(status.lag, Math.max(...status.streams.map(({ at_risk }) => at_risk)));
  assert.ok((behind?.furthest ?? 0) > 0);
  assert.equal((await epsilon(["status", a.url, b.url, "--max-lag", "1000000"])).code, 0);
});

test("gaps are shown with their reasons, and exit 1", async () => {
  const c = await serve(temporaryFolder());
  try {
    const response = await fetch(`${c.url}/v1/collections/gaps/events`, {
      method: "POST",
      headers: {
        "epsilon-source": "s",
        "epsilon-after": "*",
        "epsilon-gap": "null..5; rotated away",
        "epsilon-cursor": "s:10:x",
      },
      body: '{"_ts":"2026-01-31T12:00:00Z","_id":"0191d2c4-7f5e-4c1b-9a53-0d5f2f6f0a11"}',
    });
    assert.equal(response.status, 200);
    const ran = await epsilon(["status", c.url]);
    assert.equal(ran.code, 1);
    assert.match(ran.stdout, /gap on http\S+: gaps, s, the beginning to 5: rotated away/);
  } finally {
    await c.end("SIGTERM");
  }
  const gone = await epsilon(["status", a.url, c.url]);
  assert.equal(gone.code, 2);
  assert.match(gone.stdout, /does not answer/);
});

test("a relay says what it knows, and a spool what waits in it and what was refused", async () => {
  const away = `http://127.0.0.1:${await freePort()}`;
  const spool = temporaryFolder();
  const relay = await serveRelay(spool, [a.url, away]);
  try {
    const url = `${relay.url}/v1/collections/relayed/events?ack=one`;
    assert.equal((await fetch(url, { method: "POST", body: linesOf(0, 7) })).status, 200);
    const ran = await epsilon(["status", relay.url, "--format", "json"]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal((JSON.parse(ran.stdout) as Status).relays[0]?.loops.length, 2);
    const text = await epsilon(["status", relay.url, "--max-lag", "0"]);
    assert.equal(text.code, 1);
    assert.match(text.stdout, /relayed +http\S+ +7 .*no answer/);
    const both = await epsilon(["status", a.url, "--spool", spool, "--format", "json"]);
    const { spool: own } = JSON.parse(both.stdout) as Status;
    assert.deepEqual([own?.parts[0]?.events, own?.dead_letters.length], [7, 0]);
  } finally {
    await relay.end("SIGKILL");
  }
});

test("query, export and tail ask whichever instance answers", async () => {
  const c = await serve(temporaryFolder());
  const from = ["--from", `${c.url},${b.url}`];
  const file = temporaryFile("a.ndjson", linesOf(0, 3));
  const pushed = await epsilon(["push", file, "--to", `${c.url},${b.url}`, "--collection", "reads"]);
  assert.equal(pushed.code, 0);
  const tail = start(["tail", ...from, "--collection", "reads"]);
  await c.end("SIGKILL");
  const query = await epsilon([
    "query",
    "SELECT count",
    ...from,
    "--collection",
    "reads",
    "--format",
    "json",
  ]);
  assert.equal(query.code, 0, query.stderr);
  assert.deepEqual((JSON.parse(query.stdout) as { summary: unknown }).summary, [{ count: 3 }]);
  const [one, several] = await Promise.all([
    epsilon(["export", "--from", b.url, "--collection", "reads"]),
    epsilon(["export", ...from, "--collection", "reads"]),
  ]);
  assert.equal(several.code, 0, several.stderr);
  assert.equal(several.stdout, one.stdout);
  const line = new Promise<string>((resolve) =>
    tail.stdout?.once("data", (bytes: Buffer) => resolve(String(bytes))),
  );
  const add = setInterval(() => {
    void fetch(`${b.url}/v1/collections/reads/events`, { method: "POST", body: '{"live":true}' });
  }, 100);
  try {
    assert.equal(parseLines((await line).split("\n")[0] ?? "")[0]?.["live"], true);
  } finally {
    clearInterval(add);
    tail.kill("SIGINT");
    await exitOf(tail);
  }
  const none = await epsilon(["query", "SELECT count", "--from", `${c.url} http://127.0.0.1:9`]);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /no instance answered.*\(unreachable\)/);
});
