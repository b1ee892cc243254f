/** What every place for objects must do. Each implementation's test runs it. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { contentOf, type Objects, readAll } from "./objects.ts";

const encoder = new TextEncoder();

/** Runs the suite; `open` gives an empty place each time. */
export function describeObjects(name: string, open: () => Promise<Objects>): void {
  const scenario = (title: string, run: (objects: Objects) => Promise<void>): void => {
    it(title, async () => run(await open()));
  };

  describe(`${name} as a place for objects`, () => {
    scenario("gives back what was put, whatever its size", async (objects) => {
      for (const size of [0, 1, 1_000_000, 9_000_001]) {
        const bytes = new Uint8Array(size).map((_, index) => index % 251);
        await objects.put(`a/b-${size}.bin`, contentOf(bytes));
        const back = await readAll(objects, `a/b-${size}.bin`, { bytesMax: size });
        assert.ok(Buffer.from(back).equals(Buffer.from(bytes)));
        assert.equal(await objects.sizeOf(`a/b-${size}.bin`), size);
      }
    });

    scenario("replaces what was there", async (objects) => {
      await objects.put("x", contentOf(encoder.encode("the first")));
      await objects.put("x", contentOf(encoder.encode("second")));
      assert.equal(await textOf(objects, "x"), "second");
    });

    scenario("lists by prefix, in the order of the names", async (objects) => {
      for (const each of ["i/b/2", "i/a/1", "j/1", "i/a/10", "ia"])
        await objects.put(each, contentOf(encoder.encode(each)));
      const names = async (prefix: string): Promise<string[]> =>
        (await objects.list(prefix)).map((info) => info.name);
      assert.deepEqual(await names("i/"), ["i/a/1", "i/a/10", "i/b/2"]);
      assert.deepEqual(await names("i/a/"), ["i/a/1", "i/a/10"]);
      assert.deepEqual(await names(""), ["i/a/1", "i/a/10", "i/b/2", "ia", "j/1"]);
      assert.deepEqual(await names("nothing/"), []);
      assert.deepEqual(await objects.list("j/"), [{ name: "j/1", sizeBytes: 3 }]);
    });

    scenario("says that nothing is there", async (objects) => {
      await assert.rejects(textOf(objects, "a/nothing"), { code: "object_not_found" });
      assert.equal(await objects.sizeOf("a/nothing"), null);
      await objects.remove("a/nothing");
    });

    scenario("removes", async (objects) => {
      await objects.put("a/b", contentOf(encoder.encode("b")));
      await objects.remove("a/b");
      assert.equal(await objects.sizeOf("a/b"), null);
      assert.deepEqual(await objects.list(""), []);
    });

    scenario("keeps nothing of what breaks off", async (objects) => {
      const broken = {
        sizeBytes: 6,
        async *read() {
          yield encoder.encode("abc");
          throw new RangeError("the disk it came from is gone");
        },
      };
      await assert.rejects(objects.put("a/half", broken));
      assert.equal(await objects.sizeOf("a/half"), null);
      assert.deepEqual(await objects.list(""), []);
    });

    scenario("stops when told to", async (objects) => {
      const signal = AbortSignal.abort(new RangeError("enough"));
      await assert.rejects(objects.put("a", contentOf(encoder.encode("a")), signal), /enough/);
      assert.equal(await objects.sizeOf("a"), null);
    });

    scenario("takes no names that lead elsewhere", async (objects) => {
      for (const bad of ["", "/a", "a/", "a//b", "../a", "a/../b", ".hidden", "a b", "ä", "a\\b"])
        await assert.rejects(objects.put(bad, contentOf(encoder.encode("a"))), { code: "bad_request" });
    });
  });
}

async function textOf(objects: Objects, name: string): Promise<string> {
  return new TextDecoder().decode(await readAll(objects, name, { bytesMax: 1000 }));
}
