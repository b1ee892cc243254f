/** A file that is followed: through rotation, cuts and restarts every line arrives, once. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { createSimEnv, type SimEnv } from "@epsilon/env/testing";
import { type Cursor, EpsilonError, type Gap, utf8Bytes } from "@epsilon/model";
import * as fc from "fast-check";
import { FollowedFile } from "./followed-file.ts";

const path = "/logs/app.ndjson";

/** The first line of a file; that of another one differs, as a time does. */
function headerOf(file: number): string {
  return `{"_ts":"2026-01-31T12:00:00Z","file":${file}}\n`;
}

const header = headerOf(0);

/** A machine with a log on it, and an instance that takes what a follower gives it. */
class World {
  readonly sim: SimEnv;
  readonly events = new Map<string, number>();
  readonly gaps: Gap[] = [];
  readonly standing = new Map<string, Cursor>();
  sent = 0;
  #files = 0;
  #written = 0;
  #follower: FollowedFile | undefined;

  constructor(seed = 1) {
    this.sim = createSimEnv(seed);
    this.sim.disk.put(path, utf8Bytes(""));
  }

  get written(): number {
    return this.#written;
  }

  async append(text: string): Promise<void> {
    const file = await this.sim.boot().files.open(path, "append");
    await file.append([utf8Bytes(text)]);
    await file.close();
  }

  /** Writes lines that are numbered on. */
  async write(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1)
      await this.append(`{"_ts":"2026-01-31T12:00:00Z","n":${this.#written++}}\n`);
  }

  /** Renames what is there, and begins anew. */
  async rotate(): Promise<void> {
    const { files } = this.sim.boot();
    for (let number = 8; number >= 1; number -= 1)
      if (await files.exists(`${path}.${number}`))
        await files.rename(`${path}.${number}`, `${path}.${number + 1}`);
    await files.rename(path, `${path}.1`);
    this.sim.disk.put(path, utf8Bytes(headerOf(++this.#files)));
  }

  /** Copies what is there, and cuts the file. */
  async copyAndCut(options: { readonly copies: boolean }): Promise<void> {
    const { files } = this.sim.boot();
    for (let number = 8; options.copies && number >= 1; number -= 1)
      if (await files.exists(`${path}.${number}`))
        await files.rename(`${path}.${number}`, `${path}.${number + 1}`);
    if (options.copies) this.sim.disk.put(`${path}.1`, this.sim.disk.bytesOf(path));
    const file = await files.open(path, "append");
    await file.truncate(0);
    await file.append([utf8Bytes(headerOf(++this.#files))]);
    await file.close();
  }

  /** Another process follows from now on. */
  restart(): void {
    this.#follower = undefined;
  }

  /** Sends what there is, as a loop does. */
  async send(): Promise<void> {
    this.#follower ??= new FollowedFile(this.sim.boot(), {
      path,
      name: "web-1/app",
      collection: "events",
      stretchBytes: 100,
    });
    const follower = this.#follower;
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await this.sim.advance(300);
      try {
        const point = await follower.resume([...this.standing.values()]);
        if (point.gap !== null) this.#gap(point.after, point.gap);
        for await (const chunk of follower.read(point)) {
          const own = this.standing.get(chunk.cursor.stream) ?? null;
          assert.deepEqual(chunk.after, own, "a chunk follows where the instance stands in its stream");
          this.standing.set(chunk.cursor.stream, chunk.cursor);
          this.#take(chunk.lines);
        }
        return;
      } catch (error) {
        if (!(error instanceof EpsilonError) || error.code !== "cursor_mismatch") throw error;
      }
    }
    assert.fail("it never settles where it is");
  }

  /** Until nothing more comes. */
  async sendAll(): Promise<void> {
    for (let round = 0; round < 6; round += 1) {
      await this.sim.advance(1100);
      await this.send();
    }
  }

  numbers(): readonly number[] {
    return [...this.events.values()].filter((n) => n >= 0).sort((a, b) => a - b);
  }

  #gap(after: Cursor | null, gap: Gap): void {
    assert.ok(after !== null);
    this.gaps.push(gap);
    this.standing.set(after.stream, after);
  }

  #take(lines: Uint8Array): void {
    for (const line of new TextDecoder().decode(lines).split("\n").slice(0, -1)) {
      const event = JSON.parse(line) as { readonly _id: string; readonly n?: number };
      this.events.set(event._id, event.n ?? -1);
      this.sent += 1;
    }
  }
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}

test("lines are sent as they end, each once", async () => {
  const world = new World();
  await world.send();
  await world.write(3);
  await world.append(`{"_ts":"2026-01-31T12:00:00Z","n":`);
  await world.send();
  assert.deepEqual(world.numbers(), [0, 1, 2]);
  await world.append("3}\n");
  await world.send();
  assert.deepEqual(world.numbers(), [0, 1, 2, 3]);
  assert.equal(world.sent, 4);
});

test("after a rename the old file is read to its end, also what its writer still adds", async () => {
  const world = new World();
  await world.write(2);
  await world.send();
  await world.write(2);
  await world.rotate();
  const late = await world.sim.boot().files.open(`${path}.1`, "append");
  await world.write(1);
  await world.send();
  await late.append([utf8Bytes(`{"_ts":"2026-01-31T12:00:00Z","n":5}\n`)]);
  await world.sendAll();
  assert.deepEqual(world.numbers(), upTo(6));
});

test("a process that comes after several rotations goes on in the file that it had read", async () => {
  const world = new World();
  await world.append(header);
  await world.write(3);
  await world.send();
  await world.write(3);
  for (let round = 0; round < 3; round += 1) {
    await world.rotate();
    await world.write(3);
  }
  world.restart();
  await world.sendAll();
  assert.deepEqual(world.numbers(), upTo(15));
  assert.equal(world.sent, 15 + 4, "nothing is sent twice, the first lines of four files included");
});

test("two loops that ask at once both go on in the rotated file", async () => {
  const world = new World();
  await world.append(header);
  await world.write(3);
  await world.send();
  await world.write(3);
  await world.rotate();
  const follower = new FollowedFile(world.sim.boot(), { path, name: "web-1/app", collection: "events" });
  const standing = [...world.standing.values()];
  const points = await Promise.all([follower.resume(standing), follower.resume(standing)]);
  for (const point of points) assert.deepEqual(point, { after: standing[0], gap: null });
});

test("a rotated file may be packed", async () => {
  const world = new World();
  await world.append(header);
  await world.write(3);
  await world.send();
  await world.write(3);
  await world.rotate();
  world.sim.disk.put(`${path}.1.gz`, gzipSync(world.sim.disk.bytesOf(`${path}.1`)));
  await world.sim.boot().files.remove(`${path}.1`);
  await world.write(1);
  world.restart();
  await world.sendAll();
  assert.deepEqual(world.numbers(), upTo(7));
});

test("a file that was copied and cut is read on in its copy", async () => {
  const world = new World();
  await world.append(header);
  await world.write(4);
  await world.send();
  await world.write(4);
  await world.copyAndCut({ copies: true });
  await world.write(4);
  await world.sendAll();
  assert.deepEqual(world.numbers(), upTo(12));
  assert.deepEqual(world.gaps, []);
});

test("what was cut before it was read, without a copy, is a gap", async () => {
  const world = new World();
  await world.append(header);
  await world.write(4);
  await world.send();
  const [before] = [...world.standing.values()];
  await world.write(4);
  // It is seen, and not read.
  await world.sim.advance(300);
  const follower = new FollowedFile(world.sim.boot(), { path, name: "web-1/app", collection: "events" });
  await follower.end();
  await world.copyAndCut({ copies: false });
  await world.sim.advance(300);
  const point = await follower.resume([...world.standing.values()]);
  assert.deepEqual(point.gap?.from, before?.position);
  assert.match(point.gap?.reason ?? "", /cut/);
  const lines: string[] = [];
  for await (const chunk of follower.read(point)) lines.push(new TextDecoder().decode(chunk.lines));
  assert.equal(lines.length, 1, "what is there now comes after it");
});

test("it waits until there is more", async () => {
  const world = new World();
  await world.write(1);
  const env = world.sim.boot();
  const follower = new FollowedFile(env, { path, name: "web-1/app", collection: "events" });
  const chunks = [];
  for await (const chunk of follower.read({ after: null, gap: null })) chunks.push(chunk);
  const at = chunks.at(-1)?.cursor ?? null;
  let isThere = false;
  const more = follower.more(at, new AbortController().signal).then(() => {
    isThere = true;
  });
  await world.sim.advance(2000);
  assert.equal(isThere, false);
  await world.write(1);
  await world.sim.advance(600);
  await more;
  const rest = [];
  for await (const chunk of follower.read({ after: at, gap: null })) rest.push(chunk);
  assert.deepEqual(
    rest.map(({ events }) => events),
    [1],
  );
});

test("through any schedule of writing, rotation, copies, cuts and restarts each line arrives once", async () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.integer({ min: 1, max: 5 }).map((count) => ({ do: "write" as const, count })),
    },
    { weight: 4, arbitrary: fc.constant({ do: "send" as const }) },
    { weight: 1, arbitrary: fc.constant({ do: "rotate" as const }) },
    { weight: 1, arbitrary: fc.constant({ do: "cut" as const }) },
    { weight: 1, arbitrary: fc.constant({ do: "restart" as const }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const world = new World();
      await world.append(header);
      await world.write(1);
      // What nobody ever sent of a file, nobody can recognise: it is not looked for among rotated files.
      await world.send();
      let rotations = 0;
      for (const one of steps)
        if (one.do === "write") await world.write(one.count);
        else if (one.do === "send") await world.send();
        else if (one.do === "restart") world.restart();
        else if (rotations++ < 7) {
          if (one.do === "rotate") await world.rotate();
          else await world.copyAndCut({ copies: true });
        }
      await world.sendAll();
      assert.deepEqual(world.numbers(), upTo(world.written));
      assert.deepEqual(world.gaps, []);
    }),
    { numRuns: 150 },
  );
});

test("files that begin alike are told apart by what they hold", async () => {
  const sim = createSimEnv(1);
  const csv = "/logs/app.csv";
  const row = (n: number): string => `2026-01-31T12:00:00Z,${n}\n`;
  const follow = () =>
    new FollowedFile(sim.boot(), { path: csv, name: "web-1/app", collection: "events", ts: "t" });
  const standing = new Map<string, Cursor>();
  const got: number[] = [];
  const send = async (follower: FollowedFile): Promise<void> => {
    await sim.advance(1500);
    for await (const { cursor, lines } of follower.read(await follower.resume([...standing.values()]))) {
      standing.set(cursor.stream, cursor);
      for (const line of new TextDecoder().decode(lines).split("\n").slice(0, -1))
        got.push((JSON.parse(line) as { n: number }).n);
    }
  };
  sim.disk.put(csv, utf8Bytes(`t,n\n${row(0)}${row(1)}`));
  await send(follow());
  const { files } = sim.boot();
  for (const n of [2, 4]) {
    await files.rename(csv, `${csv}.${n}`);
    sim.disk.put(csv, utf8Bytes(`t,n\n${row(n)}${row(n + 1)}`));
    await send(follow());
  }
  assert.deepEqual(got, [0, 1, 2, 3, 4, 5]);
  assert.equal(standing.size, 3);
});
